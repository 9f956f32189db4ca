import type { CocoRle } from '../formats/rle.js'
import { rleArea, rleBox } from '../formats/rle-algebra.js'
import { fileNamesOf, type LabelledClip, labelsOf, lengthOf, UNNAMED } from './labels.js'

/** One object of one video; the lists have one entry per frame, null where the object is not. */
export interface CocoVideoAnnotation {
  id: number
  video_id: number
  category_id: number
  /** The object's own number, which `readCoco` gives back. */
  track_id: number
  segmentations: (CocoRle | null)[]
  /** Left, top, width, height. */
  bboxes: ([number, number, number, number] | null)[]
  areas: (number | null)[]
  width: number
  height: number
  length: number
  iscrowd: 0
}

/** COCO JSON of videos, in the layout of YouTube-VIS. */
export interface CocoVideoFile {
  info: { description: string }
  videos: {
    id: number
    name: string
    width: number
    height: number
    length: number
    file_names: string[]
  }[]
  categories: { id: number; name: string; supercategory: string }[]
  annotations: CocoVideoAnnotation[]
}

/** Labels as COCO JSON of videos. Frames that nobody labelled count as frames without objects. */
export function toCoco(clips: readonly LabelledClip[]): CocoVideoFile {
  const names = labelsOf(clips)
  const annotations = clips.flatMap((clip, i) =>
    clip.objects.map(object => ({
      video_id: i + 1,
      category_id: names.indexOf(object.label ?? UNNAMED) + 1,
      track_id: object.objectId,
      ...tube(clip, object.objectId),
      iscrowd: 0 as const,
    })),
  )
  return {
    info: { description: 'written by videomolmo' },
    videos: clips.map((clip, i) => ({
      id: i + 1,
      name: clip.name,
      width: clip.width,
      height: clip.height,
      length: lengthOf(clip),
      file_names: fileNamesOf(clip),
    })),
    categories: names.map((name, i) => ({ id: i + 1, name, supercategory: UNNAMED })),
    annotations: annotations.map((annotation, i) => ({ id: i + 1, ...annotation })),
  }
}

/** An object's masks, boxes and areas, frame by frame. */
function tube(clip: LabelledClip, objectId: number) {
  const { width, height } = clip
  const length = lengthOf(clip)
  const segmentations = new Array<CocoRle | null>(length).fill(null)
  const bboxes = new Array<CocoVideoAnnotation['bboxes'][number]>(length).fill(null)
  const areas = new Array<number | null>(length).fill(null)
  for (const { frameIndex, masks } of clip.frames) {
    const rle = masks.find(mask => mask.objectId === objectId)?.rle
    const box = rle && rleBox(rle)
    if (!box) continue
    segmentations[frameIndex] = rle
    bboxes[frameIndex] = [box.x, box.y, box.width, box.height]
    areas[frameIndex] = rleArea(rle)
  }
  return { segmentations, bboxes, areas, width, height, length }
}
