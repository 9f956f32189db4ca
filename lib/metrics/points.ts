import { InvalidArgumentError } from '../engine/errors.js'
import { assign } from '../ground/assign.js'
import type { ScoredMask } from './masks.js'
import { meanOf, roundHalfToEven } from './statistics.js'

/** Pixels of the frame, fractions allowed. */
export interface ScoredPoint {
  x: number
  y: number
}

/** An object that points may hit. */
export interface PointTarget {
  mask: ScoredMask
  /** One point that stands for the object, in pixels. Protocol 'any' does not look at it. */
  reference: ScoredPoint
}

/** 0 .. 1 each. */
export interface PointScore {
  precision: number
  recall: number
  f1: number
}

/**
 * What makes a point right:
 * - 'molmo', the evaluation code of Molmo: points and reference points are paired one to one with
 *   the least total distance, and a pair counts when its point lies in its object's mask;
 * - 'any', the wording of the VideoMolmo paper: precision is the share of points in any object's
 *   mask, recall the share of objects that any point hits.
 */
export type PointProtocol = 'molmo' | 'any'

export const POINT_PROTOCOLS: readonly PointProtocol[] = ['molmo', 'any']

/**
 * Whether the point, coordinates rounded half to even, lies on the object. Points outside the
 * frame never do: x = width (an answer of 100 percent) is outside, -0.5 is not.
 */
export function pointInMask({ x, y }: ScoredPoint, mask: ScoredMask): boolean {
  const [column, row] = [roundHalfToEven(x), roundHalfToEven(y)]
  if (!(column >= 0 && column < mask.width && row >= 0 && row < mask.height)) return false
  return mask.data[row * mask.width + column] !== 0
}

/** Mean position of a mask's pixels, a reference point for data without its own; null if empty. */
export function centroid(mask: ScoredMask): ScoredPoint | null {
  let [count, x, y] = [0, 0, 0]
  const { data, width, height } = mask
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (!data[at]) continue
      count++
      x += column
      y += row
    }
  }
  return count === 0 ? null : { x: x / count, y: y / count }
}

/** The score of `right` points and `found` objects; Molmo's F1 is a little below 1 at its best. */
export function pointScore(
  right: number,
  points: number,
  found: number,
  objects: number,
): PointScore {
  const precision = right / points
  const recall = found / objects
  const f1 = right * found === 0 ? 0 : (2 * precision * recall) / (precision + recall + 1e-10)
  return { precision, recall, f1 }
}

/** The same value three times. */
export const levelScore = (value: number): PointScore => ({
  precision: value,
  recall: value,
  f1: value,
})

export const coordinates = ({ x, y }: ScoredPoint): number[] => [x, y]

/**
 * The one-to-one assignment of points to reference points with the least total Euclidean distance.
 *
 * @returns the reference of every point, -1 for a point without one.
 * @throws INVALID_ARGUMENT for a coordinate that is not finite.
 */
export function pairByDistance(
  points: readonly (readonly number[])[],
  references: readonly (readonly number[])[],
): number[] {
  const odd = [...points, ...references].find(point => !point.every(Number.isFinite))
  if (odd) throw new InvalidArgumentError(`points must have finite coordinates, got (${odd})`)
  const distance = (a: readonly number[], b: readonly number[]) =>
    Math.hypot(...a.map((value, axis) => value - b[axis]!))
  return assign(points.map(point => references.map(reference => distance(point, reference))))
}

/**
 * Precision, recall and F1 of the points of one answer. No objects: 1 without points, else 0.
 * Objects but no points: 0.
 *
 * @param protocol default 'molmo'.
 * @throws INVALID_ARGUMENT for a coordinate that is not finite, where points are paired.
 */
export function scorePoints(
  points: readonly ScoredPoint[],
  objects: readonly PointTarget[],
  protocol: PointProtocol = 'molmo',
): PointScore {
  if (objects.length === 0) return levelScore(points.length === 0 ? 1 : 0)
  if (points.length === 0) return levelScore(0)
  if (protocol === 'any') {
    const hits =
      ({ mask }: PointTarget) =>
      (point: ScoredPoint) =>
        pointInMask(point, mask)
    const right = points.filter(point => objects.some(object => hits(object)(point))).length
    const found = objects.filter(object => points.some(hits(object))).length
    return pointScore(right, points.length, found, objects.length)
  }
  const pairs = pairByDistance(
    points.map(coordinates),
    objects.map(({ reference }) => coordinates(reference)),
  )
  const hits = pairs.filter((o, i) => o >= 0 && pointInMask(points[i]!, objects[o]!.mask)).length
  return pointScore(hits, points.length, hits, objects.length)
}

/**
 * Score of a clip from those of its frames, or of a data set from those of its clips: plain means,
 * so F1 is averaged and not computed from the other two. Null for an empty list.
 */
export function meanPointScore(scores: readonly PointScore[]): PointScore | null {
  if (scores.length === 0) return null
  const average = (of: keyof PointScore) => meanOf(scores.map(score => score[of]))!
  return { precision: average('precision'), recall: average('recall'), f1: average('f1') }
}
