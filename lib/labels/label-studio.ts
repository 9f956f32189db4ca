import { parse } from 'node:path'
import { type Box, Mask } from '../formats/mask.js'
import { datasetFault } from '../json/faults.js'
import { JsonValue } from '../json/value.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import {
  type LabelledClip,
  type LabelledFrame,
  type LabelledObject,
  lengthOf,
  masksOf,
  UNNAMED,
} from './labels.js'

/** A box in percent of the frame; frames count from 1, times are seconds. */
interface Keyframe {
  frame: number
  x: number
  y: number
  width: number
  height: number
  rotation: number
  /** Whether the box goes on after this frame. */
  enabled: boolean
  time: number
}

/** One object of a video: a "videorectangle" of Label Studio. */
export interface LabelStudioRegion {
  id: string
  type: 'videorectangle'
  from_name: string
  to_name: string
  origin: 'prediction'
  original_width: number
  original_height: number
  value: { framesCount: number; duration: number; labels: string[]; sequence: Keyframe[] }
}

export interface LabelStudioTask {
  data: { video: string }
  predictions: { model_version: string; result: LabelStudioRegion[] }[]
}

export interface LabelStudioOptions {
  /** Where Label Studio finds a clip's video. Default: the clip's name. */
  videoOf?: (clip: LabelledClip) => string
  /** Of the videos, as in the labelling configuration. Default 30. */
  frameRate?: number
}

export const LABEL_STUDIO_OPTIONS: OptionNames<LabelStudioOptions> = {
  videoOf: true,
  frameRate: true,
}

/** Names of the elements of the labelling configuration that the regions belong to. */
const [BOX, VIDEO] = ['box', 'video']

/**
 * Labels as tasks of Label Studio, as predictions that people correct. Label Studio has boxes for
 * videos and no masks: every mask becomes the box around it. The labelling configuration must call
 * its video "video" and its VideoRectangle "box".
 */
export function toLabelStudio(
  clips: readonly LabelledClip[],
  options: LabelStudioOptions = {},
): LabelStudioTask[] {
  checkOptions(LABEL_STUDIO_OPTIONS, options, 'toLabelStudio')
  const { videoOf = clip => clip.name, frameRate = 30 } = options
  return clips.map(clip => {
    const result = clip.objects.flatMap(object => regionOf(clip, object, frameRate) ?? [])
    return {
      data: { video: videoOf(clip) },
      predictions: [{ model_version: 'videomolmo', result }],
    }
  })
}

function regionOf(
  clip: LabelledClip,
  { objectId, label }: LabelledObject,
  frameRate: number,
): LabelStudioRegion | null {
  const { width, height } = clip
  const boxes = new Map<number, Box>()
  for (const [frame, { box }] of masksOf(clip, objectId)) if (box) boxes.set(frame, box)
  if (boxes.size === 0) return null
  const labelled = clip.frames.map(({ frameIndex }) => frameIndex)
  // Between labelled frames the box may go on; it ends where the next labelled frame lacks it.
  const goesOn = (frame: number) => {
    const next = labelled[labelled.indexOf(frame) + 1]
    return next === undefined ? false : boxes.has(next)
  }
  const sequence = [...boxes].map(([frame, box]) => ({
    frame: frame + 1,
    x: (box.x / width) * 100,
    y: (box.y / height) * 100,
    width: (box.width / width) * 100,
    height: (box.height / height) * 100,
    rotation: 0,
    enabled: goesOn(frame),
    time: (frame + 1) / frameRate,
  }))
  const framesCount = lengthOf(clip)
  const duration = framesCount / frameRate
  return {
    id: `object-${objectId}`,
    type: 'videorectangle',
    from_name: BOX!,
    to_name: VIDEO!,
    origin: 'prediction',
    original_width: width,
    original_height: height,
    value: { framesCount, duration, labels: [label ?? UNNAMED], sequence },
  }
}

/** The regions that people made; where nobody has, those that were predicted. */
function regionsOf(task: JsonValue): JsonValue[] {
  for (const key of ['annotations', 'predictions']) {
    const lists = task.at(key).present ? task.at(key).items() : []
    const first = lists.find(list => list.at('was_cancelled').value !== true)
    if (!first) continue
    const regions = first.at('result').items()
    return regions.filter(region => region.at('type').value === 'videorectangle')
  }
  return []
}

/** Boxes of a region by frame from 0, those between two keyframes interpolated. */
function boxesOf(region: JsonValue): Map<number, Omit<Keyframe, 'time' | 'frame'>> {
  const sequence = region.at('value').at('sequence').items().map(readKeyframe)
  sequence.sort((a, b) => a.frame - b.frame)
  const boxes = new Map<number, Omit<Keyframe, 'time' | 'frame'>>()
  const length = region.at('value').at('framesCount')
  for (const [i, start] of sequence.entries()) {
    const end = sequence[i + 1]
    const last = end?.frame ?? (length.present ? length.number() + 1 : start.frame + 1)
    boxes.set(start.frame - 1, start)
    if (!start.enabled) continue
    for (let frame = start.frame + 1; frame < last; frame++) {
      const share = end ? (frame - start.frame) / (end.frame - start.frame) : 0
      boxes.set(frame - 1, between(start, end ?? start, share))
    }
  }
  return boxes
}

function readKeyframe(item: JsonValue): Omit<Keyframe, 'time'> {
  const number = (key: string) => item.at(key).number()
  const rotation = item.at('rotation').present ? number('rotation') : 0
  if (rotation !== 0) item.at('rotation').fail('boxes without rotation')
  const enabled = item.at('enabled').present ? item.at('enabled').boolean() : true
  const [x, y, width, height] = [number('x'), number('y'), number('width'), number('height')]
  return { frame: item.at('frame').integer(1), x, y, width, height, rotation, enabled }
}

function between<B extends { x: number; y: number; width: number; height: number }>(
  a: B,
  b: B,
  share: number,
): B {
  const mix = (from: number, to: number) => from + (to - from) * share
  return {
    ...a,
    x: mix(a.x, b.x),
    y: mix(a.y, b.y),
    width: mix(a.width, b.width),
    height: mix(a.height, b.height),
  }
}

/** A mask of a box in percent, its edges on the nearest pixel edges. */
function fill(box: { x: number; y: number; width: number; height: number }, clip: LabelledClip) {
  const { width, height } = clip
  const edge = (percent: number, size: number) =>
    Math.min(size, Math.max(0, Math.round((percent / 100) * size)))
  const [left, right] = [edge(box.x, width), edge(box.x + box.width, width)]
  const [top, bottom] = [edge(box.y, height), edge(box.y + box.height, height)]
  const data = new Uint8Array(width * height)
  for (let y = top; y < bottom; y++) data.fill(1, y * width + left, y * width + right)
  return new Mask(data, width, height)
}

/**
 * Reads an export of Label Studio (JSON, a list of tasks) with video boxes. A box is all that it
 * has, so the masks are filled boxes. Where a task has annotations, the first that was not
 * cancelled counts, else the first prediction.
 *
 * @throws DATASET_INVALID (corrupt) naming the file and the place in it.
 */
export function readLabelStudio(value: unknown, path: string): LabelledClip[] {
  return new JsonValue(path, value, datasetFault).items().map(readTask)
}

function readTask(task: JsonValue): LabelledClip {
  const regions = regionsOf(task)
  const name = parse(task.at('data').at('video').string()).name
  if (regions.length === 0) task.fail('at least one video box')
  const width = regions[0]!.at('original_width').integer(1)
  const height = regions[0]!.at('original_height').integer(1)
  const ids = regions.map(region => Number(/^object-(\d+)$/.exec(region.at('id').string())?.[1]))
  const kept = ids.every(id => id > 0) && new Set(ids).size === ids.length
  const objects = regions.map((region, i) => {
    const [label] = region.at('value').at('labels').items()
    return { objectId: kept ? ids[i]! : i + 1, label: label?.string() ?? null }
  })
  const clip = { name, width, height, frameCount: 0, fileNames: null, objects, frames: [] }
  const frames = new Map<number, LabelledFrame>()
  for (const [i, region] of regions.entries()) {
    for (const [frameIndex, box] of boxesOf(region)) {
      const frame = frames.get(frameIndex) ?? { frameIndex, masks: [] }
      frames.set(frameIndex, frame)
      frame.masks.push({ objectId: objects[i]!.objectId, rle: fill(box, clip).toRLE() })
    }
  }
  const length = regions[0]!.at('value').at('framesCount')
  const frameCount = length.present ? length.integer() : 0
  const ordered = [...frames.values()].sort((a, b) => a.frameIndex - b.frameIndex)
  return { ...clip, frameCount, frames: ordered }
}
