import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DatasetError } from '../engine/errors.js'
import type { JsonValue } from '../json/value.js'
import type { Dataset, Expression, LabelMap, ObjectMasks, Sequence } from './dataset.js'
import { checkSize, listStems, readJsonFile, readLabelFile, remembered } from './files.js'
import type { Problems } from './problems.js'

/** The pixels of some objects of a label map; object o has label o + 1. */
function named(labels: LabelMap, objects: readonly number[]): ObjectMasks {
  const { data, width, height } = labels
  return { width, height, masks: objects.map(o => data.map(label => +(label === o + 1))) }
}

/** Objects by the identity of the sentence: several sentences may have one text. */
type Named = Map<string, readonly number[]>

function readQueries(fields: JsonValue, frames: readonly string[]): [Expression[], Named] {
  const objects: Named = new Map()
  const expressions = fields.at('queries').items()
  const list = expressions.map((query, i): Expression => {
    const id = String(i)
    objects.set(
      id,
      query
        .at('objects')
        .items()
        .map(object => object.number()),
    )
    const knownFrom = query.at('motion').boolean() ? { knownFrom: 1 } : {}
    const [text, kind] = [query.at('text').string(), query.at('kind').string()]
    return { id, text, kind, frames, ...knownFrom }
  })
  return [list, objects]
}

/**
 * One clip that training/make_clips.py wrote: clip.json, frames/ and truth/, as described in
 * training/README.md.
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readDrawnClip(folder: string): Promise<Sequence> {
  const path = join(folder, 'clip.json')
  const fields = await readJsonFile(path)
  const size = { width: fields.at('width').number(), height: fields.at('height').number() }
  const frames = (await listStems(join(folder, 'frames'), ['.png'])) ?? []
  const count = fields.at('frames').number()
  if (frames.length !== count) {
    const detail = `clip.json says ${count} frames, got ${frames.length}`
    throw new DatasetError('missing', join(folder, 'frames'), detail)
  }
  const [expressions, objects] = readQueries(fields, frames)
  const labels = remembered(async (frame: string) => {
    const file = join(folder, 'truth', `${frame}.png`)
    const map = await readLabelFile(file)
    checkSize(file, map, size)
    return map
  })
  return {
    id: basename(folder),
    frames,
    pictures: frames.map(frame => join(folder, 'frames', `${frame}.png`)),
    expressions,
    objects: async ({ id }, frame) => named(await labels(frame), objects.get(id)!),
  }
}

/** Folders below `folder` that can be clips, by name; `folder` itself if it is one. */
export async function findClips(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(cause => {
    throw new DatasetError('missing', folder, 'the folder cannot be read', { cause })
  })
  if (entries.some(entry => entry.name === 'clip.json')) return [folder]
  return entries
    .filter(entry => entry.isDirectory())
    .map(entry => join(folder, entry.name))
    .sort()
}

/** Drawn clips, as the embedded models know them: a folder per clip. */
export async function readDrawn(root: string, split: string, problems: Problems): Promise<Dataset> {
  const sequences: Sequence[] = []
  for (const folder of await findClips(root)) {
    try {
      sequences.push(await readDrawnClip(folder))
    } catch (error) {
      problems.take(error)
    }
  }
  const names = { name: 'drawn', title: 'drawn clips' } as const
  return { ...names, root, split, protocol: 'per_expression', sequences }
}
