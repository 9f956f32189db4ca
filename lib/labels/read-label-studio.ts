import { parse } from 'node:path'
import type { Problems } from '../datasets/problems.js'
import { type CocoRle, compressCounts } from '../formats/rle.js'
import { datasetFault } from '../json/faults.js'
import { JsonValue } from '../json/value.js'
import type { Keyframe } from './label-studio.js'
import {
  type LabelledClip,
  type LabelledFrame,
  type LabelledObject,
  type LabelReadOptions,
  MOST_FRAMES,
  problemsOf,
  sideOf,
} from './labels.js'

/** Boxes that a file's keyframes may stand for, all in all. */
const MOST_BOXES = 2_000_000

type TimedBox = Omit<Keyframe, 'time'>

interface Size {
  width: number
  height: number
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

function readKeyframe(item: JsonValue): TimedBox {
  const number = (key: string) => item.at(key).number()
  const rotation = item.at('rotation').present ? number('rotation') : 0
  if (rotation !== 0) item.at('rotation').fail('boxes without rotation')
  const enabled = item.at('enabled').present ? item.at('enabled').boolean() : true
  const [x, y, width, height] = [number('x'), number('y'), number('width'), number('height')]
  const frame = item.at('frame').integer(1, MOST_FRAMES)
  return { frame, x, y, width, height, rotation, enabled }
}

/** Frames of the clip, 0 where the region does not say. */
function lengthOf(region: JsonValue): number {
  const length = region.at('value').at('framesCount')
  return length.present ? length.integer(0, MOST_FRAMES) : 0
}

/** Boxes by frame from 0, those between two keyframes interpolated. */
function* boxesOf(
  sequence: readonly TimedBox[],
  length: number,
): Generator<[frame: number, box: TimedBox]> {
  for (const [i, start] of sequence.entries()) {
    const end = sequence[i + 1]
    const last = end?.frame ?? (length > 0 ? length + 1 : start.frame + 1)
    yield [start.frame - 1, start]
    if (!start.enabled) continue
    for (let frame = start.frame + 1; frame < last; frame++) {
      const share = end ? (frame - start.frame) / (end.frame - start.frame) : 0
      yield [frame - 1, end ? between(start, end, share) : start]
    }
  }
}

function between(a: TimedBox, b: TimedBox, share: number): TimedBox {
  const mix = (from: number, to: number) => from + (to - from) * share
  return {
    ...a,
    x: mix(a.x, b.x),
    y: mix(a.y, b.y),
    width: mix(a.width, b.width),
    height: mix(a.height, b.height),
  }
}

/** The mask of a box in percent, its edges on the nearest pixel edges. */
function fill(box: TimedBox, { width, height }: Size): CocoRle {
  const edge = (percent: number, size: number) =>
    Math.min(size, Math.max(0, Math.round((percent / 100) * size)))
  const [left, right] = [edge(box.x, width), edge(box.x + box.width, width)]
  const [top, bottom] = [edge(box.y, height), edge(box.y + box.height, height)]
  const [columns, rows] = [right - left, bottom - top]
  const size: CocoRle['size'] = [height, width]
  if (columns <= 0 || rows <= 0) return { size, counts: compressCounts([width * height]) }
  const tall = rows === height
  const counts = tall
    ? [left * height, columns * height]
    : [
        left * height + top,
        rows,
        ...Array(columns - 1)
          .fill([height - rows, rows])
          .flat(),
      ]
  const rest = width * height - counts.reduce((sum, count) => sum + count, 0)
  return { size, counts: compressCounts(rest > 0 ? [...counts, rest] : counts) }
}

/**
 * Reads an export of Label Studio (JSON, a list of tasks) with video boxes. A box is all that it
 * has, so the masks are filled boxes. Where a task has annotations, the first that was not
 * cancelled counts, else the first prediction.
 *
 * @throws DATASET_INVALID (corrupt) naming the file and the place in it; lenient, for what makes the
 * whole file unreadable.
 */
export function readLabelStudio(
  value: unknown,
  path: string,
  options: LabelReadOptions = {},
): LabelledClip[] {
  const problems = problemsOf(options, 'readLabelStudio')
  const file = { problems, boxes: 0 }
  const tasks = new JsonValue(path, value, datasetFault).items()
  return tasks.flatMap(task => problems.attempt(() => [readTask(task, file)]) ?? [])
}

/** Objects keep the numbers that `toLabelStudio` gave their regions, if all have one. */
function numbersOf(regions: readonly JsonValue[]): number[] {
  const ids = regions.map(region =>
    Number(/^object-(\d+)$/.exec(String(region.at('id').value))?.[1]),
  )
  const kept = ids.every(id => id > 0) && new Set(ids).size === ids.length
  return ids.map((id, i) => (kept ? id : i + 1))
}

function readTask(task: JsonValue, file: { problems: Problems; boxes: number }): LabelledClip {
  const regions = regionsOf(task)
  const name = parse(task.at('data').at('video').string()).name
  if (regions.length === 0) task.fail('at least one video box')
  const size: Size = {
    width: sideOf(regions[0]!.at('original_width')),
    height: sideOf(regions[0]!.at('original_height')),
  }
  const numbers = numbersOf(regions)
  const objects: LabelledObject[] = []
  const frames = new Map<number, LabelledFrame>()
  const read = (region: JsonValue, objectId: number) => {
    const labels = region.at('value').at('labels')
    // Whoever drew the box may not have said what is in it.
    const label = labels.present ? (labels.items()[0]?.string() ?? null) : null
    const sequence = region.at('value').at('sequence').items().map(readKeyframe)
    sequence.sort((a, b) => a.frame - b.frame)
    const length = lengthOf(region)
    objects.push({ objectId, label })
    // A box that stands still is packed once.
    let last: { box: TimedBox; rle: CocoRle } | undefined
    for (const [frameIndex, box] of boxesOf(sequence, length)) {
      if (++file.boxes > MOST_BOXES) task.fail(`at most ${MOST_BOXES} boxes in the file`)
      if (last?.box !== box) last = { box, rle: fill(box, size) }
      const frame = frames.get(frameIndex) ?? { frameIndex, masks: [] }
      frames.set(frameIndex, frame)
      frame.masks.push({ objectId, rle: last.rle })
    }
  }
  for (const [i, region] of regions.entries()) {
    file.problems.attempt(() => read(region, numbers[i]!))
  }
  const ordered = [...frames.values()].sort((a, b) => a.frameIndex - b.frameIndex)
  const frameCount = lengthOf(regions[0]!)
  return { name, ...size, frameCount, fileNames: null, objects, frames: ordered }
}
