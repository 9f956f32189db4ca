import { InvalidArgumentError } from '../engine/errors.js'
import type { Box } from './mask.js'
import type { CocoRle } from './rle.js'
import { mergeRles } from './rle-algebra.js'

/** Polygons are drawn on a grid this many times as fine as the pixels. */
const SCALE = 5

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
  const fine = (value: number) => Math.trunc(SCALE * value + 0.5)
  return Array.from({ length: polygon.length / 2 }, (_, i) => ({
    x: fine(polygon[2 * i]!),
    y: fine(polygon[2 * i + 1]!),
  }))
}

/** The fine grid's points along an edge, one per step of its longer axis. */
function edgePoints(from: Corner, to: Corner): Corner[] {
  const [width, height] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)]
  const steps = Math.max(width, height)
  if (steps === 0) return []
  const flat = width >= height
  const backwards = flat ? from.x > to.x : from.y > to.y
  const [start, end] = backwards ? [to, from] : [from, to]
  const slope = flat ? (end.y - start.y) / width : (end.x - start.x) / height
  const points = Array.from({ length: steps + 1 }, (_, step) =>
    flat
      ? { x: start.x + step, y: Math.trunc(start.y + slope * step + 0.5) }
      : { x: Math.trunc(start.x + slope * step + 0.5), y: start.y + step },
  )
  return backwards ? points.reverse() : points
}

/** Where the outline crosses the middle of a pixel column: pixel positions, column by column. */
function crossings(outline: readonly Corner[], width: number, height: number): number[] {
  const coarse = (value: number) => (value + 0.5) / SCALE - 0.5
  const positions: number[] = []
  for (let i = 1; i < outline.length; i++) {
    const [before, here] = [outline[i - 1]!, outline[i]!]
    if (here.x === before.x) continue
    const column = coarse(here.x < before.x ? here.x : here.x - 1)
    if (!Number.isInteger(column) || column < 0 || column > width - 1) continue
    const row = Math.ceil(Math.min(Math.max(coarse(Math.min(here.y, before.y)), 0), height))
    positions.push(column * height + row)
  }
  return positions
}

function polygonCounts(polygon: readonly number[], width: number, height: number): number[] {
  const ring = corners(polygon)
  const outline = ring.flatMap((corner, i) => edgePoints(corner, ring[(i + 1) % ring.length]!))
  const positions = [...crossings(outline, width, height), width * height].sort((a, b) => a - b)
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
