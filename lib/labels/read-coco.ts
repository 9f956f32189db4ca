import type { Problems } from '../datasets/problems.js'
import type { CocoRle } from '../formats/rle.js'
import { mergeRles } from '../formats/rle-algebra.js'
import { polygonsToRle } from '../formats/rle-polygons.js'
import { datasetFault } from '../json/faults.js'
import { JsonValue } from '../json/value.js'
import {
  type LabelledClip,
  type LabelledFrame,
  type LabelledMask,
  type LabelledObject,
  type LabelReadOptions,
  problemsOf,
  readRle,
  sideOf,
} from './labels.js'

/** What the readers of all layouts need of the file. */
interface CocoFile {
  path: string
  root: JsonValue
  /** The videos, or the pictures where there are none. */
  owners: JsonValue[]
  /** Category names by id. */
  names: Map<number, string>
  problems: Problems
}

interface Size {
  width: number
  height: number
}

const sizeOf = (owner: JsonValue): Size => ({
  width: sideOf(owner.at('width')),
  height: sideOf(owner.at('height')),
})

function categories(root: JsonValue, problems: Problems): Map<number, string> {
  const read = (item: JsonValue) => [item.at('id').integer(), item.at('name').string()] as const
  const list = root.at('categories').items()
  return new Map(list.flatMap(item => problems.attempt(() => [read(item)]) ?? []))
}

function labelOf(annotation: JsonValue, { names }: CocoFile): string {
  const category = annotation.at('category_id')
  return names.get(category.number()) ?? category.fail('the id of a category')
}

/** The annotations of every owner (pictures or videos); those of none are faults. */
function byOwner(
  { root, problems }: CocoFile,
  key: string,
  owners: readonly number[],
  called: string,
): Map<number, JsonValue[]> {
  const groups = new Map(owners.map(id => [id, [] as JsonValue[]]))
  for (const annotation of root.at('annotations').items()) {
    problems.attempt(() => {
      const id = annotation.at(key)
      const group = groups.get(id.integer()) ?? id.fail(`the id of one of the ${called}`)
      group.push(annotation)
    })
  }
  return groups
}

function readPolygon(part: JsonValue, { width, height }: Size): CocoRle {
  const sides = part.items().map(side => side.number())
  try {
    return polygonsToRle([sides], width, height)
  } catch {
    return part.fail('x, y pairs with three corners or more, around the frame')
  }
}

/** Run lengths, or polygons as lists of x, y, x, y, ... */
function readSegmentation(field: JsonValue, size: Size, { path, problems }: CocoFile): CocoRle {
  if (!field.isList) return readRle(field, size.width, size.height, path)
  const parts = field.items()
  const masks = parts.flatMap(part => problems.attempt(() => readPolygon(part, size)) ?? [])
  if (masks.length === 0) field.fail('lists of x, y pairs with three corners or more')
  return mergeRles(masks)
}

/** Objects keep the number that `track_id` gives them, if all have one; else they are counted. */
function numbersOf(annotations: readonly JsonValue[], { problems }: CocoFile): number[] {
  const tracks = annotations
    .map(annotation => annotation.at('track_id'))
    .flatMap(track => problems.attempt(() => (track.present ? [track.integer(1)] : [])) ?? [])
  const named = new Set(tracks).size === annotations.length
  return annotations.map((_, i) => (named ? tracks[i]! : i + 1))
}

/** Pictures of their own: each a clip of one frame. */
function readImages(file: CocoFile): LabelledClip[] {
  const { owners, problems } = file
  const ids = owners.map(owner => owner.at('id').integer())
  const groups = byOwner(file, 'image_id', ids, 'images')
  return owners.flatMap((owner, i) => {
    const annotations = groups.get(ids[i]!)!
    return problems.attempt(() => [readImage(owner, annotations, file)]) ?? []
  })
}

function readImage(
  owner: JsonValue,
  annotations: readonly JsonValue[],
  file: CocoFile,
): LabelledClip {
  const name = owner.at('file_name').string()
  const size = sizeOf(owner)
  const numbers = numbersOf(annotations, file)
  const read = (annotation: JsonValue, i: number) => ({
    objectId: numbers[i]!,
    label: labelOf(annotation, file),
    rle: readSegmentation(annotation.at('segmentation'), size, file),
  })
  const found = annotations.flatMap(
    (annotation, i) => file.problems.attempt(() => [read(annotation, i)]) ?? [],
  )
  const objects = found.map(({ objectId, label }) => ({ objectId, label }))
  const masks = found.map(({ objectId, rle }) => ({ objectId, rle }))
  return {
    name,
    ...size,
    frameCount: 1,
    fileNames: [name],
    objects,
    frames: [{ frameIndex: 0, masks }],
  }
}

/** YouTube-VIS: an annotation is an object, with one segmentation per frame. */
function readVideos(file: CocoFile): LabelledClip[] {
  const { owners, problems } = file
  const ids = owners.map(owner => owner.at('id').integer())
  const groups = byOwner(file, 'video_id', ids, 'videos')
  return owners.flatMap((owner, i) => {
    const annotations = groups.get(ids[i]!)!
    return problems.attempt(() => [readVideo(owner, annotations, file)]) ?? []
  })
}

function nameOf(video: JsonValue, fileNames: readonly string[]): string {
  if (video.at('name').present) return video.at('name').string()
  return fileNames[0]?.split('/').at(-2) ?? String(video.at('id').number())
}

function readVideo(
  owner: JsonValue,
  annotations: readonly JsonValue[],
  file: CocoFile,
): LabelledClip {
  const fileNames = owner
    .at('file_names')
    .items()
    .map(item => item.string())
  const size = sizeOf(owner)
  const numbers = numbersOf(annotations, file)
  const objects: LabelledObject[] = []
  const frames: LabelledFrame[] = fileNames.map((_, frameIndex) => ({ frameIndex, masks: [] }))
  for (const [i, annotation] of annotations.entries()) {
    const objectId = numbers[i]!
    file.problems.attempt(() => {
      const label = labelOf(annotation, file)
      for (const { frame, rle } of tube(annotation, frames.length, size, file)) {
        frames[frame]!.masks.push({ objectId, rle })
      }
      objects.push({ objectId, label })
    })
  }
  const name = nameOf(owner, fileNames)
  return { name, ...size, frameCount: frames.length, fileNames, objects, frames }
}

/** An object's masks, frame by frame. */
function tube(annotation: JsonValue, frameCount: number, size: Size, file: CocoFile) {
  const segmentations = annotation.at('segmentations')
  const items = segmentations.items()
  if (items.length !== frameCount) segmentations.fail(`a list of ${frameCount}, one per frame`)
  return items.flatMap((item, frame) => {
    const read = () => (item.present ? [{ frame, rle: readSegmentation(item, size, file) }] : [])
    return file.problems.attempt(read) ?? []
  })
}

/** A picture that is a frame of a video, and what is seen in it. */
interface Picture {
  owner: JsonValue
  order: number
  annotations: JsonValue[]
}

/** The first of some members that is there; with none, the last one, for what to say of it. */
const first = (owner: JsonValue, ...keys: string[]): JsonValue =>
  owner.at(keys.find(key => owner.at(key).present) ?? keys.at(-1)!)

/**
 * Tracks over pictures (TAO, BDD100K, OVIS tools): pictures name their video and their place in it,
 * annotations their picture and their object.
 */
function readPictures(file: CocoFile): LabelledClip[] {
  const { root, owners: videos, problems } = file
  const images = root.at('images').items()
  const ids = images.map(image => image.at('id').integer())
  const groups = byOwner(file, 'image_id', ids, 'images')
  const pictures = new Map(videos.map(video => [video.at('id').integer(), [] as Picture[]]))
  for (const [i, owner] of images.entries()) {
    problems.attempt(() => {
      const id = owner.at('video_id')
      const list = pictures.get(id.integer()) ?? id.fail('the id of one of the videos')
      const order = first(owner, 'frame_index', 'frame_id').integer()
      list.push({ owner, order, annotations: groups.get(ids[i]!)! })
    })
  }
  return videos.flatMap(video => {
    const own = pictures.get(video.at('id').number())!.sort((a, b) => a.order - b.order)
    return problems.attempt(() => [readTracks(video, own, file)]) ?? []
  })
}

function readTracks(video: JsonValue, pictures: readonly Picture[], file: CocoFile): LabelledClip {
  const size = sizeOf(pictures[0]?.owner ?? video)
  const fileNames = pictures.map(({ owner }) => owner.at('file_name').string())
  const labels = new Map<number, string>()
  const frames = pictures.map(({ owner, annotations }, frameIndex) => {
    const { width, height } = sizeOf(owner)
    if (width !== size.width || height !== size.height) {
      owner.fail(`the size of its video, ${size.width}x${size.height}`)
    }
    const masks: LabelledMask[] = []
    for (const annotation of annotations) {
      file.problems.attempt(() => {
        const objectId = first(annotation, 'instance_id', 'track_id').integer()
        const label = labelOf(annotation, file)
        masks.push({
          objectId,
          rle: readSegmentation(annotation.at('segmentation'), size, file),
        })
        if (!labels.has(objectId)) labels.set(objectId, label)
      })
    }
    return { frameIndex, masks: united(masks) }
  })
  const ids = [...labels.keys()].sort((a, b) => a - b)
  // Numbers go from 1; where the file has a 0, objects are counted in its order.
  const number = (id: number) => (ids[0] === 0 ? ids.indexOf(id) + 1 : id)
  return {
    name: nameOf(video, fileNames),
    ...size,
    frameCount: frames.length,
    fileNames,
    objects: ids.map(id => ({ objectId: number(id), label: labels.get(id)! })),
    frames: frames.map(({ frameIndex, masks }) => ({
      frameIndex,
      masks: masks.map(({ objectId, rle }) => ({ objectId: number(objectId), rle })),
    })),
  }
}

/** One mask per object. */
function united(masks: readonly LabelledMask[]): LabelledMask[] {
  const whole = new Map<number, CocoRle>()
  for (const { objectId, rle } of masks) {
    const known = whole.get(objectId)
    whole.set(objectId, known ? mergeRles([known, rle]) : rle)
  }
  return [...whole].map(([objectId, rle]) => ({ objectId, rle }))
}

/**
 * Reads COCO JSON with run lengths or polygons: of pictures (`images`), of videos (`videos` with
 * one segmentation per frame, as YouTube-VIS has it) or of pictures that belong to videos
 * (`video_id` and `frame_index` or `frame_id`, annotations with `instance_id` or `track_id`). A
 * picture of its own is a clip of one frame.
 *
 * @param value the file's content, parsed.
 * @param path of the file, for messages.
 * @throws DATASET_INVALID (corrupt) naming the file and the place in it; lenient, for what makes the
 * whole file unreadable.
 */
export function readCoco(
  value: unknown,
  path: string,
  options: LabelReadOptions = {},
): LabelledClip[] {
  const problems = problemsOf(options, 'readCoco')
  const root = new JsonValue(path, value, datasetFault)
  const videos = root.at('videos').present
  const owners = root.at(videos ? 'videos' : 'images').items()
  const file = { path, root, owners, names: categories(root, problems), problems }
  if (!videos) return readImages(file)
  const images = root.at('images')
  const ofVideos = images.present && images.items().some(image => image.at('video_id').present)
  return ofVideos ? readPictures(file) : readVideos(file)
}
