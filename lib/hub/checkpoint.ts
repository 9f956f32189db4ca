import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TensorRow } from '../engine/addon.js'
import { CheckpointError, typed, UnsupportedModelError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { Family, ModelDescription } from '../families/family.js'
import { Fields } from '../families/fields.js'
import { FAMILIES } from '../families/index.js'
import { checkpointFault } from '../json/faults.js'
import { readJson } from '../json/read.js'
import { type DownloadOptions, resolveModel } from './resolve.js'

/** A checkpoint as its own files describe it. */
export interface Checkpoint extends ModelDescription {
  kind: Family['kind']
  /** The engine's name of its family. */
  family: string
  folder: string
  /** What the engine opens: the folder, or the one file that was named. */
  weights: string
  tensors: readonly TensorRow[]
  /** Folder with tokenizer.json, where the checkpoint has none and its base model's was fetched. */
  tokenizer?: string
}

/**
 * Reads what a checkpoint is: its config.json and the names of its tensors. It is a folder as on Hugging
 * Face, one file of weights with its config.json beside it, or an id there (see `resolveModel`).
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
  const named = config && familyOf(config, folder)
  if (!config && found.isDirectory() && !(await hasWeights(folder))) {
    throw new CheckpointError(`${folder}: not a checkpoint: it has neither config.json nor weights`)
  }
  const tensors = typed(() => addon().listTensors(path))
  const family = named ?? FAMILIES.find(({ recognises }) => recognises?.(tensors))
  if (!family) throw new CheckpointError(`${folder}: not a checkpoint: it has no config.json`)
  const files = { folder, weights: path, tensors }
  const model = await family.describe({
    ...files,
    ...(config ? { config } : {}),
    json: name => readFields(folder, name),
  })
  return { kind: family.kind, family: family.name, ...files, ...model }
}

/** The family that config.json names. */
function familyOf(config: Fields, folder: string): Family {
  const type = config.text('model_type', '')
  const family = FAMILIES.find(({ modelTypes }) => modelTypes.includes(type))
  if (family) return family
  const known = FAMILIES.flatMap(({ modelTypes }) => modelTypes)
  throw new UnsupportedModelError(
    `${folder}: "model_type" in config.json must be one of ${known.join(', ')}, but is ` +
      JSON.stringify(type),
  )
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
