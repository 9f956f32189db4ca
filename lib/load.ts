import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AddonCancel } from './engine/addon.js'
import { withCancel } from './engine/cancel.js'
import { DeviceUnavailableError, InvalidArgumentError } from './engine/errors.js'
import { addon } from './engine/loader.js'

export const DEVICES = ['auto', 'cpu', 'cuda'] as const
/** How a segmenter's matrices can be held. */
export const FLOAT_DTYPES = ['stored', 'fp32', 'bf16'] as const
/** How a pointer's matrices can be held. */
export const DTYPES = [...FLOAT_DTYPES, 'int8', 'int4', 'fp4'] as const

export type FloatDtype = (typeof FLOAT_DTYPES)[number]
export type Dtype = (typeof DTYPES)[number]

/** What a segmenter holds beside a pointer of this dtype: quantised types are pointers' alone. */
export const segmenterDtype = (dtype: Dtype = 'stored'): FloatDtype =>
  FLOAT_DTYPES.find(known => known === dtype) ?? 'stored'

export interface LoadOptions<D extends Dtype = FloatDtype> {
  /** Default 'auto'. */
  device?: (typeof DEVICES)[number]
  /**
   * How matrices are held: as in the file ('stored', the default), widened to 'fp32' or narrowed to
   * 'bf16'. A pointer's can be quantised while they are loaded: 'int8' per output channel, 'int4' in
   * groups (see `groupSize`), 'fp4' as the reference's own script runs the model (bitsandbytes FP4,
   * blocks of 64). docs/checkpoints.md says which layers, and what it costs.
   */
  dtype?: D
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
export function loadSettings<D extends Dtype>(
  options: LoadOptions<D>,
  dtypes: readonly D[],
): { dtype: D | 'stored'; threads: number } {
  const { device = 'auto', dtype = 'stored', threads = 0 } = options
  if (!DEVICES.includes(device)) {
    throw new InvalidArgumentError(`device must be one of ${DEVICES.join(', ')}, got ${device}`)
  }
  if (device === 'cuda') {
    throw new DeviceUnavailableError('device cuda: this version computes on the CPU only')
  }
  if (dtype !== 'stored' && !dtypes.includes(dtype)) {
    throw new InvalidArgumentError(`dtype must be one of ${dtypes.join(', ')}, got ${dtype}`)
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) {
    throw new InvalidArgumentError(`threads must be an integer in 0..1024, got ${threads}`)
  }
  return { dtype, threads }
}

/** Runs a loading call that the options' signal can stop. */
export function cancellable<T>(
  options: Pick<LoadOptions, 'signal'>,
  load: (cancel: { cancel: AddonCancel }) => Promise<T>,
): Promise<T> {
  return withCancel(options.signal, () => addon().createCancel(), load)
}
