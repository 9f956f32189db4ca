import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatasetError, DecodeError } from '../engine/errors.js'
import {
  decodeLabels,
  decodeMaskPng,
  decodeWideLabels,
  type MaskImage,
  type WideLabelImage,
} from '../formats/mask-png.js'
import type { LabelImage } from '../formats/png.js'
import { datasetFault } from '../json/faults.js'
import { parseJson } from '../json/read.js'
import { JsonValue } from '../json/value.js'

/**
 * Reads a file that has to be there.
 *
 * @throws DATASET_INVALID (missing) naming it.
 */
export async function readPresent(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new DatasetError('missing', path, `the file cannot be read (${reason(cause)})`, { cause })
  }
}

const reason = (cause: unknown) => (cause as NodeJS.ErrnoException).code ?? String(cause)

/** @throws DATASET_INVALID: missing or corrupt. */
export async function readJsonFile(path: string): Promise<JsonValue> {
  return parseJson((await readPresent(path)).toString('utf8'), path, datasetFault)
}

/** A member's key that becomes part of a path. */
export const plainKey = (path: string, key: string): string =>
  new JsonValue(path, key, datasetFault, `the name ${JSON.stringify(key)}`).fileName()

/** Names in a folder, sorted as plain strings; null if there is no such folder. */
export async function listFolder(path: string): Promise<string[] | null> {
  try {
    return (await readdir(path)).sort()
  } catch (cause) {
    const code = reason(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new DatasetError('corrupt', path, `the folder cannot be read (${code})`, { cause })
  }
}

/** Names without ending of a folder's files with one of the endings; null without the folder. */
export async function listStems(
  path: string,
  endings: readonly string[],
): Promise<string[] | null> {
  const names = await listFolder(path)
  return names && stemsOf(names, endings)
}

export function stemsOf(names: readonly string[], endings: readonly string[]): string[] {
  return names.flatMap(name => {
    const ending = endings.find(end => name.toLowerCase().endsWith(end))
    return ending === undefined ? [] : [name.slice(0, -ending.length)]
  })
}

async function decoded<T>(path: string, decode: (file: Uint8Array, name: string) => T): Promise<T> {
  const file = await readPresent(path)
  try {
    return decode(file, path)
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const detail = cause.message.startsWith(`${path}: `)
      ? cause.message.slice(path.length + 2)
      : cause.message
    throw new DatasetError('corrupt', path, detail, { cause })
  }
}

/** @throws DATASET_INVALID: missing or corrupt. */
export const readLabelFile = (path: string): Promise<LabelImage> => decoded(path, decodeLabels)

/** Labels of 16 bits too. @throws DATASET_INVALID: missing or corrupt. */
export const readWideLabelFile = (path: string): Promise<WideLabelImage> =>
  decoded(path, decodeWideLabels)

/** @throws DATASET_INVALID: missing or corrupt. */
export const readMaskFile = (path: string): Promise<MaskImage> => decoded(path, decodeMaskPng)

export interface Size {
  width: number
  height: number
}

/** @throws DATASET_INVALID (mis-sized) unless the mask has the size of the ground truth. */
export function checkSize(path: string, got: Size, expected: Size): void {
  if (got.width === expected.width && got.height === expected.height) return
  throw new DatasetError(
    'mis-sized',
    path,
    `expected ${expected.width}x${expected.height}, got ${got.width}x${got.height}`,
  )
}

/** Keeps the last result of a reader, for neighbours that ask for the same frame. */
export function remembered<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  let [lastKey, last]: [string | null, Promise<T> | null] = [null, null]
  return key => {
    if (key !== lastKey || !last) {
      lastKey = key
      last = read(key)
    }
    return last
  }
}

/** The first of some folders below `root` that exists; the first one if none does. */
export async function firstFolder(root: string, candidates: readonly string[]): Promise<string> {
  for (const candidate of candidates) {
    if ((await listFolder(join(root, candidate))) !== null) return join(root, candidate)
  }
  return join(root, candidates[0]!)
}
