import { Fields } from '../datasets/fields.js'
import {
  type LabelledClip,
  type LabelledFrame,
  type LabelledObject,
  readRle,
  wholeNumber,
} from './labels.js'

/** Category names by id. */
function categories(root: Fields): Map<number, string> {
  const list = root.at('categories').items()
  return new Map(list.map(item => [wholeNumber(item.at('id')), item.at('name').string()]))
}

function byOwner(annotations: readonly Fields[], key: string): Map<number, Fields[]> {
  const groups = new Map<number, Fields[]>()
  for (const annotation of annotations) {
    const owner = wholeNumber(annotation.at(key))
    groups.set(owner, [...(groups.get(owner) ?? []), annotation])
  }
  return groups
}

/** Objects keep the number that `track_id` gives them, if all have one; else they are counted. */
function numbered(annotations: readonly Fields[], names: Map<number, string>): LabelledObject[] {
  const tracks = annotations
    .map(annotation => annotation.at('track_id'))
    .flatMap(track => (track.present ? [wholeNumber(track, 1)] : []))
  const named = new Set(tracks).size === annotations.length
  return annotations.map((annotation, i) => {
    const category = annotation.at('category_id')
    const label = names.get(category.number()) ?? category.fail('the id of a category')
    return { objectId: named ? tracks[i]! : i + 1, label }
  })
}

const size = (owner: Fields) => ({
  width: wholeNumber(owner.at('width'), 1),
  height: wholeNumber(owner.at('height'), 1),
})

interface Owned {
  owner: Fields
  annotations: readonly Fields[]
  names: Map<number, string>
  path: string
}

function readSegmentation(field: Fields, { width, height }: LabelledClip, path: string) {
  if (field.isList) field.fail('run lengths, not polygons')
  return readRle(field, width, height, path)
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
 * Reads COCO JSON with run lengths: of pictures (`images`) or of videos (`videos` with one
 * segmentation per frame, as YouTube-VIS has it). Every picture is a clip of one frame.
 *
 * @param value the file's content, parsed.
 * @param path of the file, for messages.
 * @throws DATASET_INVALID (corrupt) naming the file and the place in it.
 */
export function readCoco(value: unknown, path: string): LabelledClip[] {
  const root = new Fields(path, value)
  const isVideo = root.at('videos').present
  const owners = root.at(isVideo ? 'videos' : 'images').items()
  const key = isVideo ? 'video_id' : 'image_id'
  const annotations = root.at('annotations').items()
  const names = categories(root)
  const groups = byOwner(annotations, key)
  const ids = owners.map(owner => wholeNumber(owner.at('id')))
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
