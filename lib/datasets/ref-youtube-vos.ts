import { join } from 'node:path'
import type { Dataset, Expression, ObjectMasks, Sequence } from './dataset.js'
import { type ListedVideo, listedPictures, readExpressionFile } from './expressions.js'
import { listFolder, readLabelFile, readMaskFile, remembered } from './files.js'
import type { Problems } from './problems.js'
import { objectOf } from './ref-davis.js'

const expressionFile = (root: string, split: string) =>
  join(root, 'meta_expressions', split, 'meta_expressions.json')

/** The valid file lists the test videos too; those that the test file names are left out. */
async function listVideos(root: string, split: string, problems: Problems): Promise<ListedVideo[]> {
  const videos = await readExpressionFile(expressionFile(root, split), problems)
  if (split !== 'valid') return videos
  const test = expressionFile(root, 'test')
  if ((await listFolder(join(test, '..'))) === null) {
    problems.report('missing', test, 'needed to leave out the test videos')
    return videos
  }
  const left = new Set((await readExpressionFile(test, problems)).map(({ id }) => id))
  return videos.filter(({ id }) => !left.has(id))
}

type Objects = NonNullable<Sequence['objects']>

/** train: label maps per frame. */
function labelledObjects(folder: string): Objects {
  const read = remembered((frame: string) => readLabelFile(join(folder, `${frame}.png`)))
  return async (expression, frame) => objectOf(await read(frame), expression.objectId!)
}

/** valid, in newer downloads: a binary mask per expression and frame. */
function sentenceObjects(folder: string): Objects {
  return async ({ id }: Expression, frame: string): Promise<ObjectMasks> => {
    const { data, width, height } = await readMaskFile(join(folder, id, `${frame}.png`))
    return { width, height, masks: [data] }
  }
}

async function toSequence(root: string, split: string, video: ListedVideo): Promise<Sequence> {
  const annotations = join(root, split, 'Annotations', video.id)
  const scored = (await listFolder(annotations)) !== null
  const objects = split === 'train' ? labelledObjects : sentenceObjects
  return {
    id: video.id,
    frames: video.frames,
    pictures: listedPictures(join(root, split, 'JPEGImages'), video),
    expressions: video.expressions.map(({ id, text, fields }) => ({
      id,
      text,
      frames: video.frames,
      ...(split === 'train' ? { objectId: fields.at('obj_id').name() } : {}),
    })),
    ...(scored ? { objects: objects(annotations) } : {}),
  }
}

/**
 * Refer-YouTube-VOS: meta_expressions/<split>/meta_expressions.json, <split>/JPEGImages/<video>/
 * and, where there is ground truth, <split>/Annotations/<video>/.
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readRefYoutubeVos(
  root: string,
  split: string,
  problems: Problems,
): Promise<Dataset> {
  const sequences: Sequence[] = []
  for (const video of await listVideos(root, split, problems)) {
    sequences.push(await toSequence(root, split, video))
  }
  const names = { name: 'ref-youtube-vos', title: 'Refer-YouTube-VOS' } as const
  return { ...names, root, split, protocol: 'per_expression', sequences }
}
