import { copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { withCancel } from '../engine/cancel.js'
import { InvalidArgumentError, ModelNotFoundError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { type MemorySize, memoryBytes } from '../load/budget.js'
import type { FloatDtype } from '../load/settings.js'

export interface ConvertOptions {
  /** What floating tensors become. Default 'stored': as they are. */
  dtype?: FloatDtype
  /** Most bytes of tensors in a file, or a size such as '5GB'. Default: one file. */
  shardSize?: MemorySize
  signal?: AbortSignal
}

/** Texts that belong to a checkpoint; an index belongs to its shards. */
const isText = (name: string) => /\.(json|txt|model)$/.test(name) && !name.endsWith('.index.json')

/**
 * Writes a checkpoint's weights as safetensors: into the file `to` where that ends in .safetensors, else
 * into the folder `to`, with the texts that lie beside them. Gives the paths written.
 *
 * @throws INVALID_ARGUMENT where `to` would change what is read or cannot be written,
 * MODEL_NOT_FOUND, CHECKPOINT_INVALID, ABORTED.
 */
export async function convertCheckpoint(
  from: string,
  to: string,
  { dtype = 'stored', shardSize, signal }: ConvertOptions = {},
): Promise<string[]> {
  const found = await stat(from).catch(() => undefined)
  if (!found) throw new ModelNotFoundError(`${from}: there is no such checkpoint file or folder`)
  const source = found.isDirectory() ? from : dirname(from)
  const isFile = to.endsWith('.safetensors')
  const target = isFile ? dirname(to) : to
  if (resolve(target) === resolve(source) && (!isFile || resolve(to) === resolve(from))) {
    throw new InvalidArgumentError(`${to}: the weights would be written over those that are read`)
  }
  const shards = shardSize === undefined ? {} : { shardBytes: memoryBytes(shardSize, 'shardSize') }
  await mkdir(target, { recursive: true }).catch(cause => {
    throw new InvalidArgumentError(`${target}: cannot be made: ${(cause as Error).message}`, {
      cause,
    })
  })
  const written = await withCancel(signal, call =>
    addon().saveWeights(from, to, { dtype, ...shards, ...call }),
  )
  if (isFile) return written
  const texts = (await readdir(source)).filter(isText)
  await Promise.all(texts.map(name => copyFile(join(source, name), join(to, name))))
  return [...written, ...texts.map(name => join(to, name))]
}
