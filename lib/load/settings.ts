import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError } from '../engine/errors.js'
import { packageRoot } from '../engine/package-root.js'
import type { DownloadProgress } from '../hub/snapshot.js'
import type { OptionNames } from '../options/check.js'
import { type MemorySize, memoryBytes } from './budget.js'

/** Where a model can run; `cuda` is the first GPU. */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`
/** How a segmenter's matrices can be held. */
export const FLOAT_DTYPES = ['stored', 'fp32', 'bf16'] as const
/** How a pointer's matrices can be held. */
export const DTYPES = [...FLOAT_DTYPES, 'int8', 'int4', 'fp4'] as const

export type FloatDtype = (typeof FLOAT_DTYPES)[number]
export type Dtype = (typeof DTYPES)[number]

/** What nobody asked for otherwise; `device` without 'auto'. */
const defaultDtype = (device: string): FloatDtype => (device === 'cpu' ? 'stored' : 'bf16')

/**
 * What a segmenter holds beside a pointer of this dtype: quantised types are pointers' alone, the default
 * goes with them.
 */
export const segmenterDtype = (dtype: Dtype | undefined, device: string): FloatDtype =>
  FLOAT_DTYPES.find(known => known === dtype) ?? defaultDtype(device)

export interface LoadOptions<D extends Dtype = FloatDtype> {
  /**
   * Where the model runs. The CUDA kernels have been tested in emulation only
   * (docs/status.md); so 'auto', the default, is the CPU, and a GPU is used when it is asked for by name.
   */
  device?: DeviceName
  /**
   * How matrices are held: as in the file ('stored', the default on the CPU), widened to 'fp32' or narrowed to
   * 'bf16' (the default on a GPU). A pointer's can be quantised while they are loaded: 'int8' per output channel, 'int4' in
   * groups (see `groupSize`), 'fp4' as the reference's own script runs the model (bitsandbytes FP4,
   * blocks of 64). docs/checkpoints.md says which layers, and what it costs.
   */
  dtype?: D
  /** Threads per model; 0, the default: one per available core. */
  threads?: number
  /**
   * Memory that the weights and the work may take together: bytes, or a size such as '8GiB'. What
   * goes side by side follows from it; results do not depend on it. Default: no limit on the CPU, nine
   * tenths of what is free on a GPU. A GPU's is taken at load and never exceeded; on the CPU it bounds
   * the pointer's batches and the keys and values that are kept.
   */
  memoryBudget?: MemorySize
  /**
   * Whether weight files are mapped (nothing is copied, processes share the pages) or read into memory of
   * the model's own. Default: mapped where they lie on a local file system. A mapped file that is cut
   * while it is in use makes calls fail with CHECKPOINT_INVALID.
   */
  mmap?: boolean
  /** Called while a checkpoint that is named by its id on the Hugging Face hub is fetched. */
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  device: true,
  dtype: true,
  threads: true,
  memoryBudget: true,
  mmap: true,
  onProgress: true,
  signal: true,
}

/** Where the weights are and how they are read, as the engine takes it. */
export const weightFiles = (
  path: string,
  { mmap }: Pick<LoadOptions, 'mmap'>,
): { path: string; mmap?: boolean } => ({ path, ...(mmap === undefined ? {} : { mmap }) })

/**
 * The models that come with the package. They know drawn shapes only; see docs/embedded-models.md.
 */
export const EMBEDDED = {
  get pointer(): string {
    return join(packageRoot(), 'assets', 'pointer')
  },
  get segmenter(): string {
    return join(packageRoot(), 'assets', 'segmenter')
  },
}

export async function packageVersion(): Promise<string> {
  const text = await readFile(join(packageRoot(), 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Checks the options that both models share. */
export function loadSettings<D extends Dtype>(
  options: LoadOptions<D>,
  dtypes: readonly D[],
): { device: string; dtype: D | FloatDtype; threads: number; memoryLimit?: number } {
  const { device: asked = 'auto', threads = 0 } = options
  if (!/^(auto|cpu|cuda(:\d{1,3})?)$/.test(asked)) {
    throw new InvalidArgumentError(
      `device must be 'auto', 'cpu', 'cuda' or 'cuda:<index>', got ${asked}`,
    )
  }
  const device = asked === 'auto' ? 'cpu' : asked
  const dtype = options.dtype ?? defaultDtype(device)
  if (!(dtypes as readonly string[]).includes(dtype)) {
    throw new InvalidArgumentError(`dtype must be one of ${dtypes.join(', ')}, got ${dtype}`)
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024) {
    throw new InvalidArgumentError(`threads must be an integer in 0..1024, got ${threads}`)
  }
  const { memoryBudget } = options
  const limit = memoryBudget === undefined ? {} : { memoryLimit: memoryBytes(memoryBudget) }
  return { device, dtype, threads, ...limit }
}
