import { parse } from 'node:path'
import { DatasetError, typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { Mask } from '../formats/mask.js'
import { polygonsToMask } from '../formats/polygons.js'
import { linkObjects } from '../ground/link.js'
import type { LabelledClip, LabelledFrame } from './labels.js'
import { parseXml, type XmlElement } from './xml.js'

/** The file at work; faults name it and the place in it. */
interface Source {
  path: string
  width: number
  height: number
}

/** What one track says, before it is known which object it belongs to. */
interface Track {
  label: string
  group: number
  masks: Map<number, Mask>
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
function whole({ path }: Source, element: XmlElement, name: string): number {
  const text = element.attributes[name]
  if (text !== undefined && /^\d+$/.test(text.trim())) return Number(text)
  throw corrupt(
    path,
    `<${element.name}> ${name}: expected a whole number, got ${text ?? 'nothing'}`,
  )
}

function readMask(source: Source, element: XmlElement): Mask {
  const { path, width, height } = source
  const [left, top] = [whole(source, element, 'left'), whole(source, element, 'top')]
  const [w, h] = [whole(source, element, 'width'), whole(source, element, 'height')]
  const counts = (element.attributes.rle ?? '').split(',').map(Number)
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (left + w > width || top + h > height || total !== w * h || counts.some(count => count < 0)) {
    throw corrupt(
      path,
      `<mask> of frame ${element.attributes.frame}: expected run lengths of ${w}x${h} = ${w * h} pixels inside ${width}x${height}, got ${total} at ${left}, ${top}`,
    )
  }
  const data = new Uint8Array(width * height)
  let at = 0
  for (const [i, count] of counts.entries()) {
    for (const end = at + count; at < end; at++) {
      if (i % 2 === 1) data[(top + Math.floor(at / w)) * width + left + (at % w)] = 1
    }
  }
  return new Mask(data, width, height)
}

function readPolygon({ path, width, height }: Source, element: XmlElement): Mask {
  const points = (element.attributes.points ?? '')
    .split(';')
    .map(pair => pair.split(',').map(Number))
  if (!points.every(pair => pair.length === 2 && pair.every(Number.isFinite))) {
    throw corrupt(
      path,
      `<polygon> of frame ${element.attributes.frame}: points must be x,y;x,y;...`,
    )
  }
  return new Mask(polygonsToMask([points as [number, number][]], width, height), width, height)
}

function readTrack(source: Source, element: XmlElement): Track {
  const { label } = element.attributes
  if (label === undefined) throw corrupt(source.path, '<track> has no label')
  const masks = new Map<number, Mask>()
  for (const shape of element.children) {
    if (shape.attributes.outside === '1') continue
    const read = { mask: readMask, polygon: readPolygon }[shape.name]
    if (!read) {
      throw corrupt(
        source.path,
        `<track> of ${label}: expected masks or polygons, got ${shape.name}`,
      )
    }
    masks.set(whole(source, shape, 'frame'), read(source, shape))
  }
  return { label, group: Number(element.attributes.group_id ?? 0), masks }
}

function union(a: Mask | undefined, b: Mask): Mask {
  return a
    ? new Mask(
        a.data.map((value, i) => value | b.data[i]!),
        a.width,
        a.height,
      )
    : b
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
    const known = groups.get(key) ?? { label, group, masks: new Map() }
    groups.set(key, known)
    for (const [frame, mask] of masks) known.masks.set(frame, union(known.masks.get(frame), mask))
  }
  return { objects: [...groups.values(), ...objects], single }
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
  const frames = [...new Set(pieces.map(({ frame }) => frame))].sort((a, b) => a - b)
  for (const frame of frames) {
    for (const label of new Set(pieces.map(piece => piece.label))) {
      const here = pieces.filter(piece => piece.frame === frame && piece.label === label)
      const known = objects.filter(object => object.label === label)
      const seen = known.map(({ masks }) => plain([...masks.values()].at(-1)!))
      const current = here.map(({ mask }) => plain(mask))
      const found = linkObjects(seen, current, (a, b) => typed(() => addon().maskOverlap(a, b)))
      for (const [i, { mask }] of here.entries()) {
        const object = known[found[i]!] ?? { label, group: 0, masks: new Map<number, Mask>() }
        if (object.masks.size === 0) objects.push(object)
        object.masks.set(frame, mask)
      }
    }
  }
  return objects
}

const plain = ({ data, width, height }: Mask) => ({ mask: { data, width, height }, points: [] })

/** Objects keep the numbers of their groups where these are unique; others are counted on. */
function numbers(objects: readonly Track[]): number[] {
  const groups = objects.map(({ group }) => group).filter(group => group > 0)
  const unique = new Set(groups).size === groups.length
  let next = unique ? Math.max(0, ...groups) : 0
  return objects.map(({ group }) => (unique && group > 0 ? group : ++next))
}

/**
 * Reads "CVAT for video 1.1" with masks and polygons. Polygons hold the pixels whose centres they
 * enclose.
 *
 * @param path of the file, for messages.
 * @throws DATASET_INVALID (corrupt) naming the file and the element.
 */
export function readCvat(text: string, path: string): LabelledClip {
  const root = parseXml(text, path)
  if (root.name !== 'annotations') throw corrupt(path, `expected <annotations>, got <${root.name}>`)
  const side = (name: string) => Number(find(find(root, 'original_size') ?? root, name)?.text)
  const [width, height] = [side('width'), side('height')]
  if (!(width >= 1 && height >= 1))
    throw corrupt(path, '<original_size> must give width and height')
  const source = { path, width, height }
  const elements = root.children.filter(({ name }) => name === 'track')
  const { objects, single } = gather(elements.map(element => readTrack(source, element)))
  const all = [...objects, ...link(single)]
  const ids = numbers(all)
  const frames = new Map<number, LabelledFrame>()
  for (const [i, { masks }] of all.entries()) {
    for (const [frameIndex, mask] of masks) {
      const frame = frames.get(frameIndex) ?? { frameIndex, masks: [] }
      frames.set(frameIndex, frame)
      frame.masks.push({ objectId: ids[i]!, rle: mask.toRLE() })
    }
  }
  return {
    name: parse((find(root, 'source') ?? find(root, 'name'))?.text ?? path).name,
    width,
    height,
    frameCount: Number(find(root, 'size')?.text ?? 0) || 0,
    fileNames: null,
    objects: all.map(({ label }, i) => ({ objectId: ids[i]!, label })),
    frames: [...frames.values()].sort((a, b) => a.frameIndex - b.frameIndex),
  }
}
