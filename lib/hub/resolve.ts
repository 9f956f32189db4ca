import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, ModelNotFoundError } from '../engine/errors.js'
import { checkpointFault } from '../json/faults.js'
import { readJson } from '../json/read.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { isFile } from './cache.js'
import { type HubEnvironment, hubEnvironment } from './environment.js'
import { parseRepository, type Repository } from './repository.js'
import { type DownloadProgress, fetchSnapshot, type SnapshotOptions } from './snapshot.js'

export interface DownloadOptions {
  /** Called while files are fetched from the hub. */
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

/** A model on this machine. */
export interface ResolvedModel {
  /** A folder or a file. */
  path: string
  /** Folder with tokenizer.json, where the model has none of its own. */
  tokenizer?: string
}

/** VideoMolmo is made from it, and is published without a tokenizer. */
const TOKENIZER_BASE: Repository = { id: 'allenai/Molmo-7B-D-0924', revision: 'main' }

const exists = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined

/**
 * A path as it is, where something is there; else "owner/name" or "owner/name@revision" of the Hugging
 * Face hub as a folder of the cache, fetched as far as it is missing. What is written as a path (absolute,
 * with ./ or ../, with more than one slash) never reaches the network.
 *
 * @throws what `fetchSnapshot` throws; MODEL_NOT_FOUND for a path at which nothing is.
 */
export async function resolveModel(
  pathOrId: string,
  options: DownloadOptions = {},
  environment?: HubEnvironment,
): Promise<ResolvedModel> {
  if (await exists(pathOrId)) return { path: pathOrId }
  const repository = asRepository(pathOrId)
  try {
    const { onProgress, signal } = options
    return await fetchModel(repository, {
      environment: environment ?? (await hubEnvironment()),
      ...(onProgress ? { onProgress } : {}),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (!(error instanceof ModelNotFoundError)) throw error
    const message = `${error.message} (there is no file or folder ${pathOrId} here either)`
    throw new ModelNotFoundError(message, { cause: error })
  }
}

async function fetchModel(
  repository: Repository,
  options: SnapshotOptions,
): Promise<ResolvedModel> {
  const path = await fetchSnapshot(repository, options)
  if (!(await needsTokenizer(path))) return { path }
  const tokenizer = await fetchSnapshot(TOKENIZER_BASE, { ...options, tokenizerOnly: true })
  return { path, tokenizer }
}

const DOWNLOAD_OPTIONS: OptionNames<DownloadOptions> = { onProgress: true, signal: true }

/**
 * Fetches what a model needs from the Hugging Face hub into the cache that Python's library shares, and
 * gives the folder. What is there already is not fetched again; what was begun goes on where it stopped.
 *
 * @param id "owner/name" or "owner/name@revision".
 * @throws INVALID_ARGUMENT for what is no id, MODEL_NOT_FOUND for a repository that is missing, private or
 * gated, CHECKPOINT_INVALID for one without weights that are read, DOWNLOAD_FAILED, ABORTED.
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<string> {
  checkOptions(DOWNLOAD_OPTIONS, options, 'downloadModel')
  const repository = parseRepository(id)
  if (!repository) {
    throw new InvalidArgumentError(
      `expected the id of a repository, "owner/name" or "owner/name@revision", got ${JSON.stringify(id)}`,
    )
  }
  return (await fetchModel(repository, { environment: await hubEnvironment(), ...options })).path
}

/** A folder with tokenizer.json as it is, else that of a repository, without the rest of it. */
export async function resolveTokenizer(
  pathOrId: string,
  options: DownloadOptions = {},
  environment?: HubEnvironment,
): Promise<string> {
  if (await exists(pathOrId)) return pathOrId
  const { onProgress, signal } = options
  return fetchSnapshot(asRepository(pathOrId), {
    environment: environment ?? (await hubEnvironment()),
    tokenizerOnly: true,
    ...(onProgress ? { onProgress } : {}),
    ...(signal ? { signal } : {}),
  })
}

/** A Molmo without tokenizer.json, which only VideoMolmo is. */
async function needsTokenizer(folder: string): Promise<boolean> {
  if (await isFile(join(folder, 'tokenizer.json'))) return false
  const config = await readJson(join(folder, 'config.json'), checkpointFault)
  return config?.at('model_type').value === 'molmo'
}

function asRepository(pathOrId: string): Repository {
  const repository = parseRepository(pathOrId)
  if (repository) return repository
  throw new ModelNotFoundError(`${pathOrId}: there is no such checkpoint file or folder`)
}
