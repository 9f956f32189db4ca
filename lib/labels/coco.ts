import type { CocoRle } from '../formats/rle.js'
import { rleArea, rleBox } from '../formats/rle-algebra.js'
import { polygonsToRle } from '../formats/rle-polygons.js'
import { datasetFault } from '../json/faults.js'
import { JsonValue } from '../json/value.js'
import {
  fileNamesOf,
  type LabelledClip,
  type LabelledFrame,
  type LabelledObject,
  labelsOf,
  lengthOf,
  readRle,
  UNNAMED,
} from './labels.js'

/** Category names by id. */
function categories(root: JsonValue): Map<number, string> {
  const list = root.at('categories').items()
  return new Map(list.map(item => [item.at('id').integer(), item.at('name').string()]))
}

function byOwner(annotations: readonly JsonValue[], key: string): Map<number, JsonValue[]> {
  const groups = new Map<number, JsonValue[]>()
  for (const annotation of annotations) {
    const owner = annotation.at(key).integer()
    groups.set(owner, [...(groups.get(owner) ?? []), annotation])
  }
  return groups
}

/** Objects keep the number that `track_id` gives them, if all have one; else they are counted. */
function numbered(annotations: readonly JsonValue[], names: Map<number, string>): LabelledObject[] {
  const tracks = annotations
    .map(annotation => annotation.at('track_id'))
    .flatMap(track => (track.present ? [track.integer(1)] : []))
  const named = new Set(tracks).size === annotations.length
  return annotations.map((annotation, i) => {
    const category = annotation.at('category_id')
    const label = names.get(category.number()) ?? category.fail('the id of a category')
    return { objectId: named ? tracks[i]! : i + 1, label }
  })
}

const size = (owner: JsonValue) => ({
  width: owner.at('width').integer(1),
  height: owner.at('height').integer(1),
})

interface Owned {
  owner: JsonValue
  annotations: readonly JsonValue[]
  names: Map<number, string>
  path: string
}

/** Run lengths, or polygons as lists of x, y, x, y, ... */
function readSegmentation(
  field: JsonValue,
  { width, height }: LabelledClip,
  path: string,
): CocoRle {
  if (!field.isList) return readRle(field, width, height, path)
  const parts = field.items().map(part => part.items().map(side => side.number()))
  try {
    return polygonsToRle(parts, width, height)
  } catch {
    return field.fail('lists of x, y pairs with three corners or more')
  }
}

function readImage({ owner, annotations, names, path }: Owned): LabelledClip {
  const name = owner.at('file_name').string()
  const objects = numbered(annotations, names)
  const clip = { name, ...size(owner), frameCount: 1, fileNames: [name], objects, frames: [] }
  const masks = annotations.map((annotation, i) => ({
    objectId: objects[i]!.objectId,
    rle: readSegmentation(annotation.at('segmentation'), clip, path),
  }))
  return { ...clip, frames: [{ frameIndex: 0, masks }] }
}

function readVideo({ owner, annotations, names, path }: Owned): LabelledClip {
  const fileNames = owner
    .at('file_names')
    .items()
    .map(item => item.string())
  const name = owner.at('name').present
    ? owner.at('name').string()
    : (fileNames[0]?.split('/').at(-2) ?? String(owner.at('id').number()))
  const objects = numbered(annotations, names)
  const frames: LabelledFrame[] = fileNames.map((_, frameIndex) => ({ frameIndex, masks: [] }))
  const frameCount = fileNames.length
  const clip = { name, ...size(owner), frameCount, fileNames, objects, frames }
  for (const [i, annotation] of annotations.entries()) {
    const segmentations = annotation.at('segmentations')
    const items = segmentations.items()
    if (items.length !== frameCount) segmentations.fail(`a list of ${frameCount}, one per frame`)
    for (const [frame, item] of items.entries()) {
      if (!item.present) continue
      const rle = readSegmentation(item, clip, path)
      frames[frame]!.masks.push({ objectId: objects[i]!.objectId, rle })
    }
  }
  return clip
}

/**
 * Reads COCO JSON with run lengths or polygons: of pictures (`images`) or of videos (`videos` with
 * one segmentation per frame, as YouTube-VIS has it). Every picture is a clip of one frame.
 *
 * @param value the file's content, parsed.
 * @param path of the file, for messages.
 * @throws DATASET_INVALID (corrupt) naming the file and the place in it.
 */
export function readCoco(value: unknown, path: string): LabelledClip[] {
  const root = new JsonValue(path, value, datasetFault)
  const isVideo = root.at('videos').present
  const owners = root.at(isVideo ? 'videos' : 'images').items()
  const key = isVideo ? 'video_id' : 'image_id'
  const annotations = root.at('annotations').items()
  const names = categories(root)
  const groups = byOwner(annotations, key)
  const ids = owners.map(owner => owner.at('id').integer())
  const known = new Set(ids)
  for (const annotation of annotations) {
    const id = annotation.at(key)
    if (!known.has(id.number())) id.fail(`the id of one of the ${isVideo ? 'videos' : 'images'}`)
  }
  const read = isVideo ? readVideo : readImage
  return owners.map((owner, i) => {
    const own = groups.get(ids[i]!) ?? []
    return read({ owner, annotations: own, names, path })
  })
}

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
