import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { AddonMolmoConfig, AddonNameScheme, AddonSam2Config } from '../engine/addon.js'
import { CheckpointError, typed, UnsupportedModelError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { checkpointFault } from '../json/faults.js'
import { readJson } from '../json/read.js'
import { Fields } from './fields.js'
import { molmoConfig } from './molmo-config.js'
import { type DownloadOptions, resolveModel } from './resolve.js'
import { sam2Config } from './sam2-config.js'
import { sam2Size } from './sam2-sizes.js'

/** One tensor of a checkpoint: name, dtype as in the file, shape, and the shard that it lies in. */
export type TensorRow = ReturnType<ReturnType<typeof addon>['listTensors']>[number]

/** A checkpoint as its own files describe it. */
export type Checkpoint = {
  folder: string
  /** What the engine opens: the folder, or the one file that was named. */
  weights: string
  tensors: TensorRow[]
  /** Folder with tokenizer.json, where the checkpoint has none and its base model's was fetched. */
  tokenizer?: string
} & (
  | { kind: 'pointer'; config: AddonMolmoConfig }
  | { kind: 'segmenter'; config: AddonSam2Config; names: AddonNameScheme }
)

/** What is in the files, before anybody knows which model it is. */
interface Files {
  folder: string
  weights: string
  tensors: TensorRow[]
}

/**
 * Reads what a checkpoint is: its config.json and the names of its tensors. It is a folder as on Hugging
 * Face, one file of weights with its config.json beside it, or an id there (see `resolveModel`). SAM 2
 * checkpoints with the original names need no config.json: their size shows in the tensors.
 *
 * @throws MODEL_NOT_FOUND when nothing is there, CHECKPOINT_INVALID for files that are no checkpoint or are
 * broken, UNSUPPORTED_MODEL for another architecture, DOWNLOAD_FAILED.
 */
export async function readCheckpoint(
  pathOrId: string,
  options: DownloadOptions = {},
): Promise<Checkpoint> {
  const { path, tokenizer } = await resolveModel(pathOrId, options)
  return { ...(await readLocal(path)), ...(tokenizer === undefined ? {} : { tokenizer }) }
}

async function readLocal(path: string): Promise<Checkpoint> {
  const found = await stat(path)
  const folder = found.isDirectory() ? path : dirname(path)
  const config = await readFields(folder, 'config.json')
  const type = config?.text('model_type', '')
  if (type === 'molmo') return readPointer(listFiles(folder, path), config!)
  if (type === 'sam2_video' || type === 'sam2')
    return readSegmenter(listFiles(folder, path), config)
  if (config) {
    throw new UnsupportedModelError(
      `${folder}: "model_type" in config.json must be molmo or sam2_video, but is ` +
        JSON.stringify(type),
    )
  }
  if (found.isDirectory() && !(await hasWeights(folder))) {
    throw new CheckpointError(`${folder}: not a checkpoint: it has neither config.json nor weights`)
  }
  const files = listFiles(folder, path)
  if (namesOf(files) === 'original') return readSegmenter(files, undefined)
  throw new CheckpointError(`${folder}: not a checkpoint: it has no config.json`)
}

async function hasWeights(folder: string): Promise<boolean> {
  const names = await readdir(folder)
  return names.some(name => /\.(safetensors|bin|pt|pth)(\.index\.json)?$/.test(name))
}

/** A JSON file as fields; undefined when it does not exist. */
async function readFields(folder: string, name: string): Promise<Fields | undefined> {
  const path = join(folder, name)
  const json = await readJson(path, checkpointFault)
  return json && new Fields(json.object(), path)
}

function listFiles(folder: string, weights: string): Files {
  return typed(() => ({ folder, weights, tensors: addon().listTensors(weights) }))
}

// --- pointer -----------------------------------------------------------------------------------------

async function readPointer(files: Files, config: Fields): Promise<Checkpoint> {
  const has = (part: string) => files.tensors.some(({ name }) => name.includes(part))
  const eos = await endOfText(files.folder, config)
  const preprocessor = await readFields(files.folder, 'preprocessor_config.json')
  const facts = {
    temporalAdapter: has('vision_backbone.adapter.'),
    padEmbed: has('vision_backbone.pad_embed'),
    ...(eos === undefined ? {} : { eos }),
    ...(preprocessor ? { preprocessor } : {}),
  }
  return { ...files, kind: 'pointer', config: molmoConfig(config, facts) }
}

/** The end-of-text id from the first file that has it. */
async function endOfText(folder: string, config: Fields): Promise<number | undefined> {
  const generation = await readFields(folder, 'generation_config.json')
  for (const fields of [generation, config]) {
    const value = fields?.object.eos_token_id
    if (Array.isArray(value)) return fields!.numbers('eos_token_id', [])[0]
    if (fields?.has('eos_token_id')) return fields.integer('eos_token_id')
  }
  const tokenizer = await readFields(folder, 'tokenizer_config.json')
  const token = tokenizer?.object.eos_token
  const content =
    typeof token === 'object' ? (token as { content?: unknown } | null)?.content : token
  if (typeof content !== 'string') return undefined
  for (const [id, entry] of Object.entries(tokenizer!.child('added_tokens_decoder').object)) {
    if ((entry as { content?: unknown } | null)?.content === content) return Number(id)
  }
  const added = await readFields(folder, 'added_tokens.json')
  if (added?.has(content)) return added.integer(content)
  return addedToken(await readFields(folder, 'tokenizer.json'), content)
}

function addedToken(tokenizer: Fields | undefined, content: string): number | undefined {
  const tokens = tokenizer?.object.added_tokens
  if (!Array.isArray(tokens)) return undefined
  return tokens.find(token => token?.content === content)?.id
}

// --- segmenter ---------------------------------------------------------------------------------------

/** Which of the two dialects the tensors are named in; undefined when they are in neither. */
function namesOf({ tensors }: Files): AddonNameScheme | undefined {
  const has = (part: string) => tensors.some(({ name }) => name.startsWith(part))
  if (has('image_encoder.trunk.')) return 'original'
  if (has('vision_encoder.backbone.')) return 'transformers'
  return undefined
}

function readSegmenter(files: Files, config: Fields | undefined): Checkpoint {
  const names = namesOf(files)
  if (!names) {
    throw new CheckpointError(
      `${files.weights}: expected the tensors of SAM 2, named image_encoder.trunk.* or ` +
        'vision_encoder.backbone.*, but there are none',
    )
  }
  const has = (part: string) => files.tensors.some(({ name }) => name.startsWith(part))
  const is21 = has('no_obj_embed_spatial') || has('occlusion_spatial_embedding_parameter')
  const fields = config ?? new Fields(sam2Size(files.tensors, files.weights), files.weights)
  return {
    ...files,
    kind: 'segmenter',
    names,
    config: sam2Config(fields, is21 ? '2.1' : '2.0'),
  }
}
