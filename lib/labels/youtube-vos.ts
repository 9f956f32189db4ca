import { mkdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { listFolder, plainKey, readJsonFile } from '../datasets/files.js'
import { DatasetError, InvalidArgumentError } from '../engine/errors.js'
import { writeWhole } from '../formats/files.js'
import { encodeLabelPng } from '../formats/png.js'
import { decodeRle } from '../formats/rle.js'
import type { JsonValue } from '../json/value.js'
import { readLabelFolder } from './folder.js'
import {
  fileNamesOf,
  type LabelledClip,
  type LabelledFrame,
  type LabelledObject,
  type LabelReadOptions,
  problemsOf,
  UNNAMED,
} from './labels.js'

/** The largest number of an object; 255 marks pixels that belong to nothing. */
const MOST_OBJECTS = 254

const META = 'meta.json'

/** Whether a folder has the layout of YouTube-VOS. */
export async function isYoutubeVos(folder: string): Promise<boolean> {
  const names = (await listFolder(folder)) ?? []
  return names.includes(META) && names.includes('Annotations')
}

/**
 * Reads a folder of YouTube-VOS: Annotations/<clip>/<frame>.png (indexed) and meta.json with the
 * objects' categories.
 *
 * @param picturesOf names of a clip's pictures in order; without them the number in a mask's name is
 * its frame.
 * @throws DATASET_INVALID naming the file.
 */
export async function readYoutubeVos(
  folder: string,
  picturesOf: (clip: string) => Promise<readonly string[] | null> = async () => null,
  options: LabelReadOptions = {},
): Promise<LabelledClip[]> {
  const problems = problemsOf(options, 'readYoutubeVos')
  const path = join(folder, META)
  const videos = (await readJsonFile(path)).at('videos').members()
  const clips: LabelledClip[] = []
  for (const [name, video] of videos) {
    try {
      const masks = join(folder, 'Annotations', plainKey(path, name))
      const clip = await readLabelFolder(masks, await picturesOf(name), { problems })
      clips.push({ ...clip, objects: named(clip, video, path) })
    } catch (error) {
      problems.take(error)
    }
  }
  return clips
}

/** The objects of a clip with their categories. */
function named({ name, objects }: LabelledClip, video: JsonValue, path: string): LabelledObject[] {
  const members = video.at('objects').members()
  const labels = new Map(members.map(([id, item]) => [Number(id), item.at('category').string()]))
  for (const { objectId } of objects) {
    if (labels.has(objectId)) continue
    throw new DatasetError('corrupt', path, `videos.${name}: object ${objectId} has no category`)
  }
  const all = [...labels].map(([objectId, label]) => ({ objectId, label }))
  return all.sort((a, b) => a.objectId - b.objectId)
}

/** Object numbers by pixel; where objects overlap the lowest number shows. */
function labelMap({ masks }: LabelledFrame, width: number, height: number): Uint8Array {
  const labels = new Uint8Array(width * height)
  for (const { objectId, rle } of masks.toSorted((a, b) => b.objectId - a.objectId)) {
    const mask = decodeRle(rle)
    for (let i = 0; i < labels.length; i++) if (mask[i]) labels[i] = objectId
  }
  return labels
}

function metaOf(clip: LabelledClip, stems: readonly string[]) {
  const objects = clip.objects.map(({ objectId, label }) => {
    const seen = clip.frames.filter(({ masks }) => masks.some(mask => mask.objectId === objectId))
    const frames = seen.map(({ frameIndex }) => stems[frameIndex]!)
    return [objectId, { category: label ?? UNNAMED, frames }] as const
  })
  return { objects: Object.fromEntries(objects) }
}

/**
 * Writes labels as YouTube-VOS has them: Annotations/<clip>/<frame>.png, indexed, named after the
 * frames' pictures, and meta.json. An indexed picture holds one object per pixel: where objects
 * overlap the lowest number is kept.
 *
 * @throws INVALID_ARGUMENT for an object with a number above 254.
 */
export async function writeYoutubeVos(
  folder: string,
  clips: readonly LabelledClip[],
): Promise<void> {
  const videos: Record<string, unknown> = {}
  for (const clip of clips) {
    const { name, width, height } = clip
    const large = clip.objects.find(({ objectId }) => objectId > MOST_OBJECTS)
    if (large) {
      throw new InvalidArgumentError(
        `${name}: YouTube-VOS numbers objects 1..${MOST_OBJECTS}, got ${large.objectId}`,
      )
    }
    const stems = fileNamesOf(clip).map(file => parse(file).name)
    const masks = join(folder, 'Annotations', name)
    await mkdir(masks, { recursive: true })
    for (const frame of clip.frames) {
      const png = await encodeLabelPng(labelMap(frame, width, height), width, height)
      await writeWhole(join(masks, `${stems[frame.frameIndex]}.png`), png)
    }
    videos[name] = metaOf(clip, stems)
  }
  await writeWhole(join(folder, META), `${JSON.stringify({ videos })}\n`)
}
