import { InvalidArgumentError } from '../engine/errors.js'

/** A mask to score: any non-zero value is object, [height, width]. */
export interface ScoredMask {
  data: Uint8Array
  width: number
  height: number
}

export interface PixelCounts {
  intersection: number
  union: number
}

/**
 * @throws INVALID_ARGUMENT unless all masks have one size: scores of resized masks mean nothing.
 */
export function checkSameSize(a: ScoredMask, b: ScoredMask): void {
  if (a.width !== b.width || a.height !== b.height) {
    throw new InvalidArgumentError(
      `masks to compare must have one size, got ${a.width}x${a.height} and ${b.width}x${b.height}`,
    )
  }
}

/** Pixels in both and in either mask, without those that `ignored` marks. */
export function countPixels(a: ScoredMask, b: ScoredMask, ignored?: Uint8Array): PixelCounts {
  checkSameSize(a, b)
  let [intersection, union] = [0, 0]
  for (let i = 0; i < a.data.length; i++) {
    if (ignored?.[i]) continue
    const [inA, inB] = [a.data[i] !== 0, b.data[i] !== 0]
    if (inA && inB) intersection++
    if (inA || inB) union++
  }
  return { intersection, union }
}

/** Region similarity J of the DAVIS benchmark: intersection over union, 1 when both are empty. */
export function regionSimilarity(
  truth: ScoredMask,
  predicted: ScoredMask,
  ignored?: Uint8Array,
): number {
  const { intersection, union } = countPixels(truth, predicted, ignored)
  return union === 0 ? 1 : intersection / union
}
