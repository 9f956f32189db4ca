import { InvalidArgumentError } from '../engine/errors.js'
import type { Box } from './mask.js'
import type { CocoRle } from './rle.js'
import { mergeRles } from './rle-algebra.js'

/** Polygons are drawn on a grid this many times as fine as the pixels. */
const SCALE = 5

/** Farther out than any label; beyond it steps of the fine grid are no longer exact. */
const FARTHEST = 2 ** 31

/** More crossings of pixel columns than any outline has; they are held while it is filled. */
const MOST_CROSSINGS = 2 ** 22

interface Corner {
  x: number
  y: number
}

function corners(polygon: readonly number[]): Corner[] {
  if (polygon.length < 6 || polygon.length % 2 === 1 || !polygon.every(Number.isFinite)) {
    throw new InvalidArgumentError(
      `a polygon must be x, y pairs of at least three corners, got ${polygon.length} numbers`,
    )
  }
  const far = polygon.find(side => Math.abs(side) > FARTHEST)
  if (far !== undefined) {
    throw new InvalidArgumentError(
      `a polygon's corners must lie within ${FARTHEST} pixels of the frame, got ${far}`,
    )
  }
  const fine = (value: number) => Math.trunc(SCALE * value + 0.5)
  return Array.from({ length: polygon.length / 2 }, (_, i) => ({
    x: fine(polygon[2 * i]!),
    y: fine(polygon[2 * i + 1]!),
  }))
}

/**
 * The smallest step of `from` .. `to` for which `holds`, which does not change back; `to` + 1 if none.
 * Near ones are found at once.
 */
function firstStep(from: number, to: number, holds: (step: number) => boolean): number {
  let [low, high] = [from, from]
  for (let stride = 1; high <= to && !holds(high); stride *= 2) {
    low = high + 1
    high += stride
  }
  high = Math.min(high, to + 1)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Steps of an edge after which its column of the fine grid changes, between two columns. x goes with
 * the step on a flat edge; on a steep one it stands still over many steps, so each change is searched.
 */
function* columnChanges(
  x: (step: number) => number,
  steps: number,
  first: number,
  last: number,
): Generator<number> {
  const rising = x(steps) > x(0)
  const reaches = (column: number) => (step: number) =>
    rising ? x(step) >= column : x(step) <= column
  const [begin, end] = rising ? [first, last] : [last, first]
  for (let step = firstStep(0, steps, reaches(begin)); step < steps; ) {
    const here = x(step)
    if (rising ? here > end : here < end) return
    const next = firstStep(step + 1, steps, reaches(here + (rising ? 1 : -1)))
    if (next > steps) return
    yield next - 1
    step = next
  }
}

/**
 * Where an edge crosses the middle of a pixel column: pixel positions, column by column. The edge
 * takes one step of the fine grid's longer axis at a time; only steps over the frame's columns are
 * looked at, however long the edge is.
 */
function* crossings(from: Corner, to: Corner, width: number, height: number): Generator<number> {
  const [run, rise] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)]
  if (run === 0) return
  const flat = run >= rise
  const steps = Math.max(run, rise)
  const backwards = flat ? from.x > to.x : from.y > to.y
  const [start, end] = backwards ? [to, from] : [from, to]
  const slope = flat ? (end.y - start.y) / run : (end.x - start.x) / rise
  const side = (base: number, step: number) => Math.trunc(base + slope * step + 0.5)
  const x = flat ? (step: number) => start.x + step : (step: number) => side(start.x, step)
  const y = flat ? (step: number) => side(start.y, step) : (step: number) => start.y + step
  const coarse = (value: number) => (value + 0.5) / SCALE - 0.5
  for (const step of columnChanges(x, steps, 0, SCALE * width)) {
    const column = coarse(Math.min(x(step), x(step + 1)))
    if (!Number.isInteger(column) || column < 0 || column > width - 1) continue
    const row = Math.ceil(Math.min(Math.max(coarse(Math.min(y(step), y(step + 1))), 0), height))
    yield column * height + row
  }
}

function polygonCounts(polygon: readonly number[], width: number, height: number): number[] {
  const ring = corners(polygon)
  const positions = [width * height]
  for (const [i, corner] of ring.entries()) {
    for (const position of crossings(corner, ring[(i + 1) % ring.length]!, width, height)) {
      if (positions.push(position) > MOST_CROSSINGS) {
        throw new InvalidArgumentError(`a polygon's outline crosses the frame's columns too often`)
      }
    }
  }
  positions.sort((a, b) => a - b)
  const counts: number[] = []
  let joins = false
  for (const [i, position] of positions.entries()) {
    const run = position - (positions[i - 1] ?? 0)
    // Two crossings in one place undo each other: the runs around them are one.
    if (joins) counts[counts.length - 1]! += run
    else if (run > 0 || i === 0) counts.push(run)
    joins = !joins && run === 0 && i > 0
  }
  return counts
}

/**
 * The mask of an object's polygons, filled as pycocotools fills them. Several parts are united;
 * there are no holes.
 *
 * @param parts flat lists x1, y1, x2, y2, ... in pixels, at least three corners each.
 * @throws INVALID_ARGUMENT for a list that is no polygon, or none at all.
 */
export function polygonsToRle(
  parts: readonly (readonly number[])[],
  width: number,
  height: number,
): CocoRle {
  const masks = parts.map(part => ({
    size: [height, width] as const,
    counts: polygonCounts(part, width, height),
  }))
  return mergeRles(masks)
}

/** The mask of a box, the polygon of its corners. */
export function boxToRle(
  { x, y, width: w, height: h }: Box,
  width: number,
  height: number,
): CocoRle {
  const right = x + w
  const bottom = y + h
  return polygonsToRle([[x, y, x, bottom, right, bottom, right, y]], width, height)
}
