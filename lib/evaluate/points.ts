import { assign } from '../ground/assign.js'
import type { ScoredMask } from './region.js'

export interface ScoredPoint {
  x: number
  y: number
}

export interface PointScore {
  precision: number
  recall: number
  f1: number
}

/** 0.5 -> 0, 1.5 -> 2, 2.5 -> 2, as numpy rounds. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/** Whether the rounded point lies on the object; points outside the frame never do. */
export function pointInMask({ x, y }: ScoredPoint, mask: ScoredMask): boolean {
  const [column, row] = [roundHalfToEven(x), roundHalfToEven(y)]
  if (!(column >= 0 && column < mask.width && row >= 0 && row < mask.height)) return false
  return mask.data[row * mask.width + column] !== 0
}

function f1Of(precision: number, recall: number): number {
  if (precision === 0 || recall === 0) return 0
  return (2 * precision * recall) / (precision + recall + 1e-10)
}

function withoutObjectsOrPoints(points: number, objects: number): PointScore | null {
  if (objects > 0 && points > 0) return null
  const value = objects === 0 && points === 0 ? 1 : 0
  return { precision: value, recall: value, f1: value }
}

/**
 * Molmo's protocol: points and reference points are paired one to one with the least total
 * distance, and a pair counts when its point lies in the object's mask.
 *
 * @param references one reference point per mask, in pixels.
 */
export function scorePoints(
  points: readonly ScoredPoint[],
  references: readonly ScoredPoint[],
  masks: readonly ScoredMask[],
): PointScore {
  const edge = withoutObjectsOrPoints(points.length, masks.length)
  if (edge) return edge
  const cost = points.map(p => references.map(r => Math.hypot(p.x - r.x, p.y - r.y)))
  const pairs = assign(cost)
  const hits = pairs.filter((o, i) => o >= 0 && pointInMask(points[i]!, masks[o]!)).length
  const precision = hits / points.length
  const recall = hits / masks.length
  return { precision, recall, f1: f1Of(precision, recall) }
}

/**
 * The paper's wording, without an assignment: precision is the share of points in any object's
 * mask, recall the share of objects that any point hits.
 */
export function scorePointsAny(
  points: readonly ScoredPoint[],
  masks: readonly ScoredMask[],
): PointScore {
  const edge = withoutObjectsOrPoints(points.length, masks.length)
  if (edge) return edge
  const right = points.filter(point => masks.some(mask => pointInMask(point, mask))).length
  const found = masks.filter(mask => points.some(point => pointInMask(point, mask))).length
  const precision = right / points.length
  const recall = found / masks.length
  return { precision, recall, f1: f1Of(precision, recall) }
}
