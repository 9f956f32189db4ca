import type { AddonMask } from '../engine/addon.js'
import { assign } from './assign.js'
import type { Overlap } from './mask-work.js'

/** Masks that overlap less than this are different objects, unless a point says otherwise. */
export const LEAST_IOU = 0.25

/** What a new object's point inside an old object's mask adds to their IoU. */
const POINT_BONUS = 0.5

type Points = readonly { x: number; y: number }[]

function holdsPoint(mask: AddonMask, points: Points): boolean {
  return points.some(({ x, y }) => mask.data[Math.floor(y) * mask.width + Math.floor(x)] === 1)
}

/**
 * Finds the same objects in two sets of masks of one frame: the one-to-one assignment with the
 * largest total of mask IoU, plus a bonus where a new object's point lies in the old object's mask.
 *
 * @param points of every new object where the pointer saw it, in pixels; none for propagated masks.
 * @param overlap of an old mask with a new one, by their places.
 * @returns for every new object its place in `known`, or -1.
 */
export function linkObjects(
  known: readonly AddonMask[],
  points: readonly Points[],
  overlap: (known: number, current: number) => Overlap,
): number[] {
  if (known.length === 0 || points.length === 0) return points.map(() => -1)
  const scores = points.map((points, c) =>
    known.map((old, k) => {
      const { intersection, union } = overlap(k, c)
      const iou = union === 0 ? 0 : intersection / union
      const pointed = holdsPoint(old, points)
      return iou >= LEAST_IOU || pointed ? iou + (pointed ? POINT_BONUS : 0) : 0
    }),
  )
  return pairUp(scores)
}

/**
 * The one-to-one assignment with the largest total; a score of 0 keeps two apart.
 *
 * @param scores of every entry with every one that it could be, at least 0.
 * @returns for every entry its place, or -1.
 */
export function pairUp(scores: readonly (readonly number[])[]): number[] {
  const pairs = assign(scores.map(line => line.map(score => -score)))
  return pairs.map((old, i) => (old >= 0 && scores[i]![old]! > 0 ? old : -1))
}
