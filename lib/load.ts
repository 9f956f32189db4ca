import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AddonMolmoConfig, AddonNameScheme, AddonSam2Config } from './engine/addon.js'
import { linkCancel } from './engine/cancel.js'
import {
  CheckpointError,
  DeviceUnavailableError,
  InvalidArgumentError,
  ModelNotFoundError,
  toTypedError,
  typed,
  UnsupportedModelError,
} from './engine/errors.js'
import { addon } from './engine/loader.js'
import { Fields } from './hub/fields.js'
import { molmoConfig } from './hub/molmo-config.js'
import { sam2Config } from './hub/sam2-config.js'

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

/** The models that come with the package. They know drawn shapes only; see docs/embedded-models.md. */
export const EMBEDDED = {
  pointer: fileURLToPath(new URL('../../assets/pointer', import.meta.url)),
  segmenter: fileURLToPath(new URL('../../assets/segmenter', import.meta.url)),
} as const

/** A checkpoint folder as its own files describe it. */
export type Checkpoint = { folder: string; tensors: TensorRow[] } & (
  | { kind: 'pointer'; config: AddonMolmoConfig }
  | { kind: 'segmenter'; config: AddonSam2Config; names: AddonNameScheme }
)

export type TensorRow = ReturnType<ReturnType<typeof addon>['listTensors']>[number]

export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

async function readFields(folder: string, name: string): Promise<Fields | undefined> {
  const path = join(folder, name)
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return new Fields(JSON.parse(text) as Record<string, unknown>, path)
  } catch (cause) {
    throw new CheckpointError(`${path}: not valid JSON: ${(cause as Error).message}`, { cause })
  }
}

function listTensors(path: string): TensorRow[] {
  try {
    return addon().listTensors(path)
  } catch (error) {
    throw toTypedError(error)
  }
}

async function readPointer(folder: string, config: Fields): Promise<Checkpoint> {
  const tensors = listTensors(folder)
  const has = (part: string) => tensors.some(({ name }) => name.includes(part))
  const generation = await readFields(folder, 'generation_config.json')
  const preprocessor = await readFields(folder, 'preprocessor_config.json')
  const eos = generation?.has('eos_token_id') ? generation.integer('eos_token_id') : undefined
  const facts = {
    temporalAdapter: has('vision_backbone.adapter.'),
    padEmbed: has('vision_backbone.pad_embed'),
    ...(eos === undefined ? {} : { eos }),
    ...(preprocessor ? { preprocessor } : {}),
  }
  return { kind: 'pointer', folder, tensors, config: molmoConfig(config, facts) }
}

function readSegmenter(folder: string, config: Fields): Checkpoint {
  const tensors = listTensors(folder)
  const has = (part: string) => tensors.some(({ name }) => name.includes(part))
  const names = has('image_encoder.trunk.') ? 'original' : 'transformers'
  const version = has('no_obj_embed_spatial') || has('occlusion_spatial_embedding') ? '2.1' : '2.0'
  return { kind: 'segmenter', folder, tensors, names, config: sam2Config(config, version) }
}

/**
 * Reads what a checkpoint folder is: config.json and the names of its tensors.
 *
 * @throws MODEL_NOT_FOUND when there is no such folder, CHECKPOINT_INVALID for a folder that is no
 * checkpoint, UNSUPPORTED_MODEL for another architecture.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const found = await stat(path).catch(() => undefined)
  if (!found) {
    throw new ModelNotFoundError(`${path}: no such checkpoint folder`)
  }
  const folder = found.isDirectory() ? path : dirname(path)
  const config = await readFields(folder, 'config.json')
  if (!config) throw new CheckpointError(`${folder}: not a checkpoint: it has no config.json`)
  const type = config.text('model_type', '')
  if (type === 'molmo') return readPointer(folder, config)
  if (type === 'sam2_video' || type === 'sam2') return readSegmenter(folder, config)
  throw new UnsupportedModelError(
    `${folder}: "model_type" must be molmo or sam2_video, but is ${JSON.stringify(type)}`,
  )
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
export async function cancellable<T>(
  options: LoadOptions,
  load: (cancel: { cancel: ReturnType<ReturnType<typeof addon>['createCancel']> }) => Promise<T>,
): Promise<T> {
  const { cancel, release } = linkCancel(options.signal, () => addon().createCancel())
  try {
    return await typed(load({ cancel }))
  } finally {
    release()
  }
}
