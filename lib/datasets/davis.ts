import { join } from 'node:path'
import { DatasetError } from '../engine/errors.js'
import type { Dataset, Sequence } from './dataset.js'
import { firstFolder, listStems, readLabelFile, readPresent, remembered } from './files.js'
import type { Problems } from './problems.js'

const RESOLUTION = '480p'

/** Where a DAVIS tree keeps the label maps of a task. */
const ANNOTATIONS = {
  semi_supervised: 'Annotations',
  unsupervised: 'Annotations_unsupervised',
} as const

export type DavisTask = keyof typeof ANNOTATIONS

/** The DAVIS tree itself, or a folder that holds it as DAVIS/. */
export const davisTree = (root: string): Promise<string> =>
  firstFolder(root, ['ImageSets', 'DAVIS/ImageSets']).then(folder => join(folder, '..'))

/** Sequence names of an image set, one per line. */
export async function readImageSet(tree: string, split: string): Promise<string[]> {
  const year = await firstFolder(join(tree, 'ImageSets'), ['2017', '2019'])
  const path = join(year, `${split}.txt`)
  const names = (await readPresent(path)).toString('utf8').split(/\r?\n/)
  const listed = names.map(name => name.trim()).filter(name => name !== '')
  const bad = listed.find(name => /[/\\]/.test(name) || name.startsWith('.'))
  if (bad !== undefined) {
    throw new DatasetError('corrupt', path, `${JSON.stringify(bad)} is no sequence name`)
  }
  return listed
}

/** Frames that have a picture; where there are no pictures at all, those that have a label map. */
async function frameNames(pictures: string, labels: string, problems: Problems): Promise<string[]> {
  const [shown, labelled] = [await listStems(pictures, ['.jpg']), await listStems(labels, ['.png'])]
  if (!shown?.length) {
    if (!labelled?.length) problems.report('missing', labels, 'the folder holds no label map')
    return labelled ?? []
  }
  const known = new Set(shown)
  for (const name of labelled ?? []) {
    const path = join(labels, `${name}.png`)
    if (!known.has(name)) problems.report('extra', path, `there is no picture ${name}.jpg for it`)
  }
  return shown
}

/** One sequence of a DAVIS tree. */
export async function readDavisSequence(
  tree: string,
  task: DavisTask,
  id: string,
  problems: Problems,
): Promise<Sequence> {
  const pictures = join(tree, 'JPEGImages', RESOLUTION, id)
  const labels = join(tree, ANNOTATIONS[task], RESOLUTION, id)
  const frames = await frameNames(pictures, labels, problems)
  const scored = (await listStems(labels, ['.png'])) !== null
  const read = remembered((frame: string) => readLabelFile(join(labels, `${frame}.png`)))
  return {
    id,
    frames,
    pictures: frames.map(frame => join(pictures, `${frame}.jpg`)),
    expressions: [],
    ...(scored ? { labels: read } : {}),
  }
}

/**
 * DAVIS 2017: ImageSets/2017/<split>.txt, JPEGImages/480p/<seq>/*.jpg, and Annotations/480p or
 * Annotations_unsupervised/480p/<seq>/*.png.
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readDavis(
  root: string,
  split: string,
  task: DavisTask,
  problems: Problems,
): Promise<Dataset> {
  const tree = await davisTree(root)
  const sequences: Sequence[] = []
  for (const id of await readImageSet(tree, split)) {
    sequences.push(await readDavisSequence(tree, task, id, problems))
  }
  return { name: 'davis17', title: 'DAVIS-17', root, split, protocol: task, sequences }
}
