import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AddonCancel } from './engine/addon.js'
import { withCancel } from './engine/cancel.js'
import { DeviceUnavailableError, InvalidArgumentError } from './engine/errors.js'
import { addon } from './engine/loader.js'

export const DEVICES = ['auto', 'cpu', 'cuda'] as const
export const DTYPES = ['stored', 'fp32', 'bf16'] as const

export interface LoadOptions {
  /** Default 'auto'. */
  device?: (typeof DEVICES)[number]
  /** How matrices are held: as in the file (default), widened to fp32 or narrowed to bf16. */
  dtype?: (typeof DTYPES)[number]
  /** Threads per model; 0, the default: one per available core. */
  threads?: number
  signal?: AbortSignal
}

/**
 * The models that come with the package. They know drawn shapes only; see docs/embedded-models.md.
 */
export const EMBEDDED = {
  pointer: fileURLToPath(new URL('../../assets/pointer', import.meta.url)),
  segmenter: fileURLToPath(new URL('../../assets/segmenter', import.meta.url)),
} as const

export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Checks the options that both models share. */
export function loadSettings(options: LoadOptions): {
  dtype: 'stored' | 'fp32' | 'bf16'
  threads: number
} {
  const { device = 'auto', dtype = 'stored', threads = 0 } = options
  if (!DEVICES.includes(device)) {
    throw new InvalidArgumentError(`device must be one of ${DEVICES.join(', ')}, got ${device}`)
  }
  if (device === 'cuda') {
    throw new DeviceUnavailableError('device cuda: this version computes on the CPU only')
  }
  if (!DTYPES.includes(dtype)) {
    throw new InvalidArgumentError(`dtype must be one of ${DTYPES.join(', ')}, got ${dtype}`)
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) {
    throw new InvalidArgumentError(`threads must be an integer in 0..1024, got ${threads}`)
  }
  return { dtype, threads }
}

/** Runs a loading call that the options' signal can stop. */
export function cancellable<T>(
  options: LoadOptions,
  load: (cancel: { cancel: AddonCancel }) => Promise<T>,
): Promise<T> {
  return withCancel(options.signal, () => addon().createCancel(), load)
}
