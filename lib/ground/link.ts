import type { AddonMask } from '../engine/addon.js'
import { assign } from './assign.js'

/** Masks that overlap less than this are different objects, unless a point says otherwise. */
export const LEAST_IOU = 0.25

/** What a new object's point inside an old object's mask adds to their IoU. */
const POINT_BONUS = 0.5

export interface LinkObject {
  mask: AddonMask
  /** Where the pointer saw the object, in pixels; none for propagated masks. */
  points: readonly { x: number; y: number }[]
}

export type Overlap = (a: AddonMask, b: AddonMask) => { intersection: number; union: number }

function holdsPoint(mask: AddonMask, points: LinkObject['points']): boolean {
  return points.some(({ x, y }) => mask.data[Math.floor(y) * mask.width + Math.floor(x)] === 1)
}

/**
 * Finds the same objects in two sets of masks of one frame: the one-to-one assignment with the
 * largest total of mask IoU, plus a bonus where a new object's point lies in the old object's mask.
 *
 * @returns for every entry of `current` its place in `known`, or -1 for a new object.
 */
export function linkObjects(
  known: readonly LinkObject[],
  current: readonly LinkObject[],
  overlap: Overlap,
): number[] {
  if (known.length === 0 || current.length === 0) return current.map(() => -1)
  const scores = current.map(({ mask, points }) =>
    known.map(old => {
      const { intersection, union } = overlap(old.mask, mask)
      const iou = union === 0 ? 0 : intersection / union
      const pointed = holdsPoint(old.mask, points)
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
