import { join } from 'node:path'
import type { JsonValue } from '../json/value.js'
import type { Dataset, Expression, Sequence } from './dataset.js'
import { type ListedVideo, listedPictures, readExpressionFile } from './expressions.js'
import { listStems, plainKey, readMaskFile } from './files.js'
import type { Problems } from './problems.js'

/** Sentences are a list here, each with its own object and number. */
function readVideo(path: string, id: string, fields: JsonValue): ListedVideo {
  const expressions = fields
    .at('expressions')
    .items()
    .map(entry => ({
      id: entry.at('exp_id').fileName(),
      text: entry.at('exp_text').string(),
      fields: entry,
    }))
  return { id: plainKey(path, id), fields, frames: fields.at('frames').fileNames(), expressions }
}

/** Folder of a sentence's object, in the annotations and in results. */
export const reasonFolder = (source: string, video: string, objectId: string) =>
  `${source}_${video}_${objectId}`

async function toSequence(
  root: string,
  video: ListedVideo,
  annotations: Map<string, string[]>,
): Promise<Sequence> {
  const source = video.fields.at('source').fileName()
  const folderOf = (objectId: string) => reasonFolder(source, video.id, objectId)
  const expressions = video.expressions.map(({ id, text, fields }): Expression => {
    const objectId = fields.at('obj_id').fileName()
    const named = annotations.get(folderOf(objectId))
    return {
      id,
      text,
      kind: fields.at('is_sent').boolean() ? 'sentence' : 'phrase',
      objectId,
      // A frame without annotation file is not scored.
      frames: named ? video.frames.filter(frame => named.includes(frame)) : [],
    }
  })
  return {
    id: video.id,
    subset: source,
    frames: video.frames,
    pictures: listedPictures(join(root, 'JPEGImages'), video),
    expressions,
    objects: async ({ objectId }, frame) => {
      const path = join(root, 'Annotations', folderOf(objectId!), `${frame}.png`)
      const { data, width, height } = await readMaskFile(path)
      return { width, height, masks: [data] }
    },
  }
}

/** Frames that are annotated, by folder. */
async function listAnnotations(
  root: string,
  videos: readonly ListedVideo[],
  problems: Problems,
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>()
  for (const { id, fields, expressions, frames } of videos) {
    const source = fields.at('source').fileName()
    for (const { fields: entry } of expressions) {
      const name = reasonFolder(source, id, entry.at('obj_id').fileName())
      if (found.has(name)) continue
      const folder = join(root, 'Annotations', name)
      const stems = await listStems(folder, ['.png'])
      if (!stems) problems.report('missing', folder, 'no such folder; its sentences are left out')
      found.set(name, stems ?? [])
      for (const stem of stems ?? []) {
        const path = join(folder, `${stem}.png`)
        if (!frames.includes(stem)) problems.report('extra', path, `${id} lists no such frame`)
      }
    }
  }
  return found
}

/**
 * ReasonVOS: meta_expressions.json, JPEGImages/<name>/ and binary masks in
 * Annotations/<source>_<name>_<obj_id>/.
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readReasonVos(
  root: string,
  split: string,
  problems: Problems,
): Promise<Dataset> {
  const path = join(root, 'meta_expressions.json')
  const videos = await readExpressionFile(path, problems, readVideo)
  const annotations = await listAnnotations(root, videos, problems)
  const sequences: Sequence[] = []
  for (const video of videos) sequences.push(await toSequence(root, video, annotations))
  const names = { name: 'reason-vos', title: 'ReasonVOS' } as const
  return { ...names, root, split, protocol: 'per_expression', sequences }
}
