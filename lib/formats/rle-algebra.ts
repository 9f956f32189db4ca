import { InvalidArgumentError } from '../engine/errors.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import type { Box } from './mask.js'
import { type AnyRle, type CocoRle, checkCounts, compressCounts, countsOf } from './rle.js'

/** Sizes, boxes and combinations of masks from their runs alone, as pycocotools computes them. */

/** The runs, checked to fill the mask. */
function runsOf(rle: AnyRle): ArrayLike<number> {
  const [height, width] = rle.size
  const counts = countsOf(rle)
  checkCounts(counts, width, height)
  return counts
}

/** Pixels set. */
export function rleArea(rle: AnyRle): number {
  const counts = runsOf(rle)
  let area = 0
  for (let i = 1; i < counts.length; i += 2) area += counts[i]!
  return area
}

/** Smallest box that holds every set pixel, null for an empty mask. */
export function rleBox(rle: AnyRle): Box | null {
  const counts = runsOf(rle)
  const [height] = rle.size
  let [left, right, top, bottom] = [Number.POSITIVE_INFINITY, -1, height, -1]
  for (let i = 0, at = 0; i < counts.length; at += counts[i]!, i++) {
    if (i % 2 === 0 || counts[i] === 0) continue
    const end = at + counts[i]! - 1
    const [first, last] = [Math.floor(at / height), Math.floor(end / height)]
    // A run that goes on in the next column reaches both the last row and the first.
    const whole = first < last
    left = Math.min(left, first)
    right = last
    top = Math.min(top, whole ? 0 : at % height)
    bottom = Math.max(bottom, whole ? height - 1 : end % height)
  }
  if (right < 0) return null
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}

/** Visits the stretches on which neither mask changes, in order. */
function walk(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  visit: (length: number, inA: boolean, inB: boolean) => void,
): void {
  let [i, j] = [0, 0]
  let [restA, restB] = [a[0] ?? 0, b[0] ?? 0]
  for (;;) {
    while (restA === 0 && i + 1 < a.length) restA = a[++i]!
    while (restB === 0 && j + 1 < b.length) restB = b[++j]!
    const length = Math.min(restA, restB)
    if (length === 0) return
    visit(length, i % 2 === 1, j % 2 === 1)
    restA -= length
    restB -= length
  }
}

function checkSize(a: AnyRle, b: AnyRle): void {
  if (a.size[0] === b.size[0] && a.size[1] === b.size[1]) return
  throw new InvalidArgumentError(
    `masks to compare must have one size, got ${a.size[1]}x${a.size[0]} and ${b.size[1]}x${b.size[0]}`,
  )
}

export interface RleIouOptions {
  /** The truth is a crowd region: intersection over the prediction's area. Default false. */
  crowd?: boolean
}

const RLE_IOU_OPTIONS: OptionNames<RleIouOptions> = { crowd: true }

/**
 * Intersection over union by COCO's rules: 0 where nothing is common, also for two empty masks
 * (whose J is 1).
 *
 * @throws INVALID_ARGUMENT for masks of different sizes.
 */
export function rleIou(predicted: AnyRle, truth: AnyRle, options: RleIouOptions = {}): number {
  checkOptions(RLE_IOU_OPTIONS, options, 'rleIou')
  const { crowd = false } = options
  const { intersection, union } = rleOverlap(predicted, truth)
  if (intersection === 0) return 0
  return intersection / (crowd ? rleArea(predicted) : union)
}

/**
 * Pixels that both masks have, and that either has.
 *
 * @throws INVALID_ARGUMENT for masks of different sizes.
 */
export function rleOverlap(a: AnyRle, b: AnyRle): { intersection: number; union: number } {
  checkSize(a, b)
  let [intersection, union] = [0, 0]
  walk(runsOf(a), runsOf(b), (length, inA, inB) => {
    if (inA && inB) intersection += length
    if (inA || inB) union += length
  })
  return { intersection, union }
}

/**
 * Union or intersection of masks of one size, in canonical form; one mask alone is put into
 * canonical form (no run of zero length but the first).
 *
 * @throws INVALID_ARGUMENT without masks, or for masks of different sizes.
 */
export function mergeRles(
  masks: readonly AnyRle[],
  how: 'union' | 'intersection' = 'union',
): CocoRle {
  const [first, ...others] = masks
  if (!first) throw new InvalidArgumentError('expected at least one mask to merge, got none')
  let merged = runsOf(first)
  // With itself, if it is alone: that leaves the canonical runs.
  for (const other of others.length > 0 ? others : [first]) {
    checkSize(first, other)
    const runs = new Runs()
    walk(merged, runsOf(other), (length, inA, inB) => {
      runs.add(length, how === 'union' ? inA || inB : inA && inB)
    })
    merged = runs.counts
  }
  const [height, width] = first.size
  return { size: [height, width], counts: compressCounts(merged) }
}

/** Collects stretches of pixels into runs. */
class Runs {
  readonly counts: number[] = [0]

  add(length: number, inside: boolean): void {
    const last = this.counts.length - 1
    if ((last % 2 === 1) === inside) this.counts[last]! += length
    else this.counts.push(length)
  }
}
