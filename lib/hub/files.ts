import { CheckpointError } from '../engine/errors.js'
import { checkpointFault } from '../json/faults.js'
import { parseJson } from '../json/read.js'

/** A file of a repository as the hub lists it. */
export interface HubFile {
  /** Without folders: nothing that is needed lies in one. */
  readonly name: string
  readonly size: number
  readonly checksum: Checksum
}

/** Big files have their SHA-256, others the SHA-1 of git's blob; either names the file in the cache. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'git-sha1'
  readonly hex: string
}

const TEXTS = /^(config\.json|\w+_config\.json|tokenizer\.json|added_tokens\.json)$/
const TOKENIZER = /^(tokenizer\.json|tokenizer_config\.json|added_tokens\.json)$/
const WEIGHTS = ['model.safetensors', 'pytorch_model.bin'] as const

/** Small files that say what the model is. */
export const textFiles = (names: readonly string[]): string[] =>
  names.filter(name => TEXTS.test(name))

export const tokenizerFiles = (names: readonly string[]): string[] =>
  names.filter(name => TOKENIZER.test(name))

/**
 * The one file that the weights begin with, in the order in which the engine looks for it: an index of
 * shards, the one file with all of them, or a PyTorch file of any name.
 *
 * @throws CHECKPOINT_INVALID where there is none, or several PyTorch files.
 */
export function firstWeights(names: readonly string[], where: string): string {
  for (const name of WEIGHTS) {
    if (names.includes(`${name}.index.json`)) return `${name}.index.json`
    if (names.includes(name)) return name
  }
  const torch = names.filter(name => /\.(pt|pth)$/.test(name))
  if (torch.length === 1) return torch[0]!
  throw new CheckpointError(
    torch.length === 0
      ? `${where} holds no weights that are read: expected ${WEIGHTS.join(', ')}, the index of one of them, or a .pt file`
      : `${where} holds ${torch.length} .pt files (${torch.slice(0, 3).join(', ')}); download the one that is meant and name its path`,
  )
}

/**
 * The shards that an index names, each once.
 *
 * @throws CHECKPOINT_INVALID for a text that is no index, or names what is no file beside it.
 */
export function shardsOf(index: string, where: string): string[] {
  const map = parseJson(index, where, checkpointFault).at('weight_map')
  const shards = map.members().map(([, shard]) => {
    const name = shard.string()
    return /^[\w-][\w.-]*$/.test(name) ? name : shard.fail('a file beside it')
  })
  if (shards.length === 0) map.fail('the shards of tensors')
  return [...new Set(shards)].sort()
}
