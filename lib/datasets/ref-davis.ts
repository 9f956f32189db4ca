import { join } from 'node:path'
import { DatasetError } from '../engine/errors.js'
import type { Dataset, Expression, LabelMap, ObjectMasks, Sequence } from './dataset.js'
import { davisTree, readDavisSequence, readImageSet } from './davis.js'
import { readDavisTexts } from './davis-text.js'
import { type ListedVideo, listedPictures, readExpressionFile } from './expressions.js'
import { listFolder, listStems, readLabelFile, remembered } from './files.js'
import type { Problems } from './problems.js'

/** Expression 4 * o + a is annotation a of object o. */
export const ANNOTATIONS = 4

/** Place of an expression's object among those of the sequence, and its annotation. */
export function annotationOf(expression: Expression): { object: number; annotation: number } {
  const number = Number(expression.id)
  return { object: Math.floor(number / ANNOTATIONS), annotation: number % ANNOTATIONS }
}

/** The pixels of one object of a label map. */
export function objectOf({ data, width, height }: LabelMap, objectId: string): ObjectMasks {
  const label = Number(objectId)
  return { width, height, masks: [data.map(value => +(value === label))] }
}

type Labels = NonNullable<Sequence['labels']>

function withSentences(sequence: Sequence, expressions: Expression[]): Sequence {
  const { labels } = sequence
  const objects = (read: Labels) => async (expression: Expression, frame: string) =>
    objectOf(await read(frame), expression.objectId!)
  return { ...sequence, expressions, ...(labels ? { objects: objects(labels) } : {}) }
}

/** Where the converted form keeps one split. */
const expressionFile = (root: string, split: string) =>
  join(root, 'meta_expressions', split, 'meta_expressions.json')

/** Expressions without an object number are those of the objects in the order of their numbers. */
function objectIdOf(
  video: ListedVideo,
  expression: ListedVideo['expressions'][number],
  path: string,
): string {
  const given = expression.fields.at('obj_id')
  if (given.present) return given.name()
  const number = Number(expression.id)
  if (!Number.isInteger(number)) {
    throw new DatasetError(
      'corrupt',
      path,
      `${video.id}, expression ${expression.id}: expected a number as name, or an obj_id`,
    )
  }
  return String(Math.floor(number / ANNOTATIONS) + 1)
}

async function readConverted(
  root: string,
  folder: string,
  path: string,
  problems: Problems,
): Promise<Sequence[]> {
  const tree = await davisTree(root)
  const hasTree = (await listFolder(join(tree, 'Annotations_unsupervised'))) !== null
  const sequences: Sequence[] = []
  for (const video of await readExpressionFile(path, problems)) {
    const expressions = video.expressions.map(listed => ({
      id: listed.id,
      text: listed.text,
      frames: video.frames,
      objectId: objectIdOf(video, listed, path),
    }))
    const sequence = hasTree
      ? await readDavisSequence(tree, 'unsupervised', video.id, problems)
      : await readOwnSequence(join(root, folder), video)
    const pictures = (await listFolder(join(root, folder, 'JPEGImages', video.id)))
      ? listedPictures(join(root, folder, 'JPEGImages'), video)
      : video.frames.map(frame => join(tree, 'JPEGImages/480p', video.id, `${frame}.jpg`))
    sequences.push(withSentences({ ...sequence, frames: video.frames, pictures }, expressions))
  }
  return sequences
}

/** A sequence whose label maps lie beside its pictures. */
async function readOwnSequence(folder: string, video: ListedVideo): Promise<Sequence> {
  const labels = join(folder, 'Annotations', video.id)
  const scored = (await listStems(labels, ['.png'])) !== null
  const read = remembered((frame: string) => readLabelFile(join(labels, `${frame}.png`)))
  const pictures = listedPictures(join(folder, 'JPEGImages'), video)
  return {
    id: video.id,
    frames: video.frames,
    pictures,
    expressions: [],
    ...(scored ? { labels: read } : {}),
  }
}

/** The DAVIS tree with the expressions as they were published. */
async function readOriginal(root: string, split: string, problems: Problems): Promise<Sequence[]> {
  const tree = await davisTree(root)
  const folder = join(root, 'davis_text_annotations')
  const texts = await readDavisTexts(folder)
  const sequences: Sequence[] = []
  for (const id of await readImageSet(tree, split)) {
    const sequence = await readDavisSequence(tree, 'unsupervised', id, problems)
    const objects = [...(texts.get(id) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
    if (objects.length === 0) problems.report('missing', folder, `no expression for ${id}`)
    const expressions = objects.flatMap(([objectId, lines], o) =>
      Array.from({ length: ANNOTATIONS }, (_, a) => a).flatMap(a => {
        const text = lines[a]
        if (text !== undefined) {
          return [{ id: String(ANNOTATIONS * o + a), text, objectId, frames: sequence.frames }]
        }
        problems.report('missing', folder, `${id}, object ${objectId}: no annotation ${a}`)
        return []
      }),
    )
    sequences.push(withSentences(sequence, expressions))
  }
  return sequences
}

/**
 * Ref-DAVIS17, in the converted form (meta_expressions/<split>/, <split>/JPEGImages,
 * <split>/Annotations or a DAVIS tree with Annotations_unsupervised) or as published (a DAVIS tree
 * and davis_text_annotations/).
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readRefDavis(
  root: string,
  split: string,
  protocol: 'four_annotations' | 'per_expression',
  problems: Problems,
): Promise<Dataset> {
  const folder = split === 'val' ? 'valid' : split
  const path = expressionFile(root, folder)
  const converted = (await listFolder(join(path, '..'))) !== null
  const sequences = converted
    ? await readConverted(root, folder, path, problems)
    : await readOriginal(root, split === 'valid' ? 'val' : split, problems)
  return { name: 'ref-davis17', title: 'Refer-DAVIS-17', root, split, protocol, sequences }
}
