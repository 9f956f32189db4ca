import { parse } from 'node:path'
import type { Problems } from '../datasets/problems.js'
import { DatasetError } from '../engine/errors.js'
import { polygonsToMask } from '../formats/polygons.js'
import { type CocoRle, encodeRle } from '../formats/rle.js'
import { mergeRles, rleOverlap } from '../formats/rle-algebra.js'
import { LEAST_IOU, pairUp } from '../ground/link.js'
import { MAX_FRAME_SIDE } from '../video/pixels.js'
import {
  type LabelledClip,
  type LabelledFrame,
  type LabelReadOptions,
  MOST_FRAMES,
  problemsOf,
} from './labels.js'
import { parseXml, type XmlElement } from './xml.js'

/** The file at work; faults name it and the place in it. */
interface Source {
  path: string
  width: number
  height: number
  /** 0 when the file does not say. */
  frameCount: number
  problems: Problems
}

/** What one track says, before it is known which object it belongs to; masks packed, by frame. */
interface Track {
  label: string
  group: number
  masks: Map<number, CocoRle>
}

const corrupt = (path: string, detail: string) => new DatasetError('corrupt', path, detail)

function find(element: XmlElement, name: string): XmlElement | undefined {
  for (const child of element.children) {
    const found = child.name === name ? child : find(child, name)
    if (found) return found
  }
  return undefined
}

/** A whole number in an attribute. */
function whole(path: string, element: XmlElement, name: string): number {
  const text = element.attributes[name]
  if (text !== undefined && /^\d{1,15}$/.test(text.trim())) return Number(text)
  throw corrupt(
    path,
    `<${element.name}> ${name}: expected a whole number, got ${text ?? 'nothing'}`,
  )
}

function readMask({ path, width, height }: Source, element: XmlElement): CocoRle {
  const [left, top] = [whole(path, element, 'left'), whole(path, element, 'top')]
  const [w, h] = [whole(path, element, 'width'), whole(path, element, 'height')]
  const counts = (element.attributes.rle ?? '').split(',').map(Number)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const fits = left + w <= width && top + h <= height && total === w * h
  if (!fits || !counts.every(count => Number.isInteger(count) && count >= 0)) {
    throw corrupt(
      path,
      `<mask> of frame ${element.attributes.frame ?? 'its picture'}: expected run lengths of ${w}x${h} = ${w * h} pixels inside ${width}x${height}, got ${total} at ${left}, ${top}`,
    )
  }
  const data = new Uint8Array(width * height)
  let at = 0
  for (const [i, count] of counts.entries()) {
    const end = at + count
    if (i % 2 === 0) at = end
    // Runs go on from row to row of the box.
    while (at < end) {
      const column = at % w
      const length = Math.min(end - at, w - column)
      const from = (top + Math.floor(at / w)) * width + left + column
      data.fill(1, from, from + length)
      at += length
    }
  }
  return encodeRle(data, width, height)
}

function readPolygon({ path, width, height }: Source, element: XmlElement): CocoRle {
  const points = (element.attributes.points ?? '')
    .split(';')
    .map(pair => pair.split(',').map(Number))
  if (!points.every(pair => pair.length === 2 && pair.every(Number.isFinite))) {
    throw corrupt(
      path,
      `<polygon> of frame ${element.attributes.frame ?? 'its picture'}: points must be x,y;x,y;...`,
    )
  }
  return encodeRle(polygonsToMask([points as [number, number][]], width, height), width, height)
}

function readShape(source: Source, shape: XmlElement, owner: string): CocoRle {
  if (shape.name === 'mask') return readMask(source, shape)
  if (shape.name === 'polygon') return readPolygon(source, shape)
  throw corrupt(source.path, `${owner}: expected masks or polygons, got ${shape.name}`)
}

const groupOf = (element: XmlElement) => Number(element.attributes.group_id ?? 0) || 0

function labelOf(path: string, element: XmlElement): string {
  const { label } = element.attributes
  if (label === undefined) throw corrupt(path, `<${element.name}> has no label`)
  return label
}

function readTrack(source: Source, element: XmlElement): Track {
  const { path, frameCount, problems } = source
  const label = labelOf(path, element)
  const masks = new Map<number, CocoRle>()
  for (const shape of element.children) {
    if (shape.attributes.outside === '1') continue
    problems.attempt(() => {
      const mask = readShape(source, shape, `<track> of ${label}`)
      const frame = whole(path, shape, 'frame')
      const end = frameCount || MOST_FRAMES
      if (frame >= end) {
        throw corrupt(path, `<${shape.name}> of frame ${frame}: the clip ends before it, at ${end}`)
      }
      masks.set(frame, mask)
    })
  }
  return { label, group: groupOf(element), masks }
}

/** Tracks that are one object: those of a group, and those that go on over several frames. */
function gather(tracks: readonly Track[]): { objects: Track[]; single: Track[] } {
  const groups = new Map<string, Track>()
  const objects: Track[] = []
  const single: Track[] = []
  for (const track of tracks) {
    const { label, group, masks } = track
    if (group === 0) {
      const list = masks.size > 1 ? objects : single
      list.push(track)
      continue
    }
    const key = `${group}:${label}`
    const object = groups.get(key) ?? { label, group, masks: new Map() }
    groups.set(key, object)
    for (const [frame, mask] of masks) {
      const known = object.masks.get(frame)
      object.masks.set(frame, known ? mergeRles([known, mask]) : mask)
    }
  }
  return { objects: [...groups.values(), ...objects], single }
}

/** IoU of two masks that may be one object, else 0. */
function likeness(a: CocoRle, b: CocoRle): number {
  const { intersection, union } = rleOverlap(a, b)
  return union > 0 && intersection / union >= LEAST_IOU ? intersection / union : 0
}

/**
 * CVAT forgets which masks belonged together when it takes them in, so masks of one label are
 * linked from frame to frame by their overlap.
 */
function link(single: readonly Track[]): Track[] {
  const objects: Track[] = []
  const pieces = single.flatMap(({ label, masks }) =>
    [...masks].map(([frame, mask]) => ({ label, frame, mask })),
  )
  const byFrame = new Map<number, typeof pieces>()
  for (const piece of pieces) {
    byFrame.set(piece.frame, [...(byFrame.get(piece.frame) ?? []), piece])
  }
  for (const [frame, together] of [...byFrame].sort(([a], [b]) => a - b)) {
    for (const label of new Set(together.map(piece => piece.label))) {
      const here = together.filter(piece => piece.label === label)
      const known = objects.filter(object => object.label === label)
      const seen = known.map(({ masks }) => [...masks.values()].at(-1)!)
      const found = pairUp(here.map(({ mask }) => seen.map(last => likeness(last, mask))))
      for (const [i, { mask }] of here.entries()) {
        const object = known[found[i]!] ?? { label, group: 0, masks: new Map<number, CocoRle>() }
        if (object.masks.size === 0) objects.push(object)
        object.masks.set(frame, mask)
      }
    }
  }
  return objects
}

/** Objects keep the numbers of their groups where these are unique; others are counted on. */
function numbers(objects: readonly { group: number }[]): number[] {
  const groups = objects.map(({ group }) => group).filter(group => group > 0)
  const unique = new Set(groups).size === groups.length
  let next = unique ? Math.max(0, ...groups) : 0
  return objects.map(({ group }) => (unique && group > 0 ? group : ++next))
}

/** "CVAT for video 1.1": tracks over the frames of one clip. */
function readVideo(root: XmlElement, path: string, problems: Problems): LabelledClip {
  const side = (name: string) => Number(find(find(root, 'original_size') ?? root, name)?.text)
  const [width, height] = [side('width'), side('height')]
  const isSide = (value: number) => value >= 1 && value <= MAX_FRAME_SIDE
  if (!isSide(width) || !isSide(height)) {
    throw corrupt(
      path,
      `<original_size> must give width and height in 1..${MAX_FRAME_SIDE}, got ${width}x${height}`,
    )
  }
  const frameCount = Number(find(root, 'size')?.text ?? 0) || 0
  if (!Number.isInteger(frameCount) || frameCount < 0 || frameCount > MOST_FRAMES) {
    throw corrupt(
      path,
      `<size>: expected a number of frames up to ${MOST_FRAMES}, got ${frameCount}`,
    )
  }
  const source = { path, width, height, frameCount, problems }
  const elements = root.children.filter(({ name }) => name === 'track')
  const tracks = elements.flatMap(track => problems.attempt(() => [readTrack(source, track)]) ?? [])
  const { objects, single } = gather(tracks.filter(({ masks }) => masks.size > 0))
  const all = [...objects, ...link(single)]
  const ids = numbers(all)
  const frames = new Map<number, LabelledFrame>()
  for (const [i, { masks }] of all.entries()) {
    for (const [frameIndex, rle] of masks) {
      const frame = frames.get(frameIndex) ?? { frameIndex, masks: [] }
      frames.set(frameIndex, frame)
      frame.masks.push({ objectId: ids[i]!, rle })
    }
  }
  return {
    name: parse((find(root, 'source') ?? find(root, 'name'))?.text ?? path).name,
    width,
    height,
    frameCount,
    fileNames: null,
    objects: all.map(({ label }, i) => ({ objectId: ids[i]!, label })),
    frames: [...frames.values()].sort((a, b) => a.frameIndex - b.frameIndex),
  }
}

/** "CVAT for images 1.1": a picture is a clip of one frame. */
function readImage(image: XmlElement, path: string, problems: Problems): LabelledClip {
  const { name } = image.attributes
  if (name === undefined) throw corrupt(path, '<image> has no name')
  const [width, height] = [whole(path, image, 'width'), whole(path, image, 'height')]
  if (Math.min(width, height) < 1 || Math.max(width, height) > MAX_FRAME_SIDE) {
    throw corrupt(
      path,
      `<image> ${name}: sides must lie in 1..${MAX_FRAME_SIDE}, got ${width}x${height}`,
    )
  }
  const source = { path, width, height, frameCount: 1, problems }
  const read = (shape: XmlElement): Track => ({
    label: labelOf(path, shape),
    group: groupOf(shape),
    masks: new Map([[0, readShape(source, shape, `<image> ${name}`)]]),
  })
  const shapes = image.children.flatMap(shape => problems.attempt(() => [read(shape)]) ?? [])
  const { objects, single } = gather(shapes)
  const all = [...objects, ...single]
  const ids = numbers(all)
  return {
    name,
    width,
    height,
    frameCount: 1,
    fileNames: [name],
    objects: all.map(({ label }, i) => ({ objectId: ids[i]!, label })),
    frames: [
      {
        frameIndex: 0,
        masks: all.map(({ masks }, i) => ({ objectId: ids[i]!, rle: masks.get(0)! })),
      },
    ],
  }
}

/**
 * Reads "CVAT for video 1.1" and "CVAT for images 1.1" with masks and polygons. Polygons hold the
 * pixels whose centres they enclose. A video is a clip, a picture a clip of one frame.
 *
 * @param path of the file, for messages.
 * @throws DATASET_INVALID (corrupt) naming the file and the element; lenient, for what makes the
 * whole file unreadable.
 */
export function readCvat(
  text: string,
  path: string,
  options: LabelReadOptions = {},
): LabelledClip[] {
  const problems = problemsOf(options, 'readCvat')
  const root = parseXml(text, path)
  if (root.name !== 'annotations') throw corrupt(path, `expected <annotations>, got <${root.name}>`)
  const images = root.children.filter(({ name }) => name === 'image')
  if (images.length === 0) return [readVideo(root, path, problems)]
  return images.flatMap(image => problems.attempt(() => [readImage(image, path, problems)]) ?? [])
}
