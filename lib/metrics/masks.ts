import type { AddonLabelPairs } from '../engine/addon.js'
import { InvalidArgumentError, typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { MaskComparison } from '../engine/public-types.js'
import { checkOptions, type OptionNames } from '../options/check.js'

/** A mask to score: u8, any non-zero value is object, [height, width] row-major. */
export interface ScoredMask {
  data: Uint8Array
  width: number
  height: number
}

/** J and F of one frame. */
export interface FrameScore {
  /** Region similarity: intersection over union, 1 when both masks are empty. 0 .. 1. */
  j: number
  /** Boundary measure: harmonic mean of `precision` and `recall`. 0 .. 1. */
  f: number
}

export interface MaskScore extends FrameScore, MaskComparison {
  /** Share of the prediction's boundary near the truth's, and the other way round. */
  precision: number
  recall: number
  /** Disk radius within which boundaries match, in pixels. */
  radius: number
}

export interface MaskScoreOptions {
  /** Pixels to leave out (void), of the same size. They are outside of both masks. Default none. */
  ignored?: ScoredMask
  /**
   * How far apart boundaries may be: below 1 a share of the frame's diagonal, from 1 on a whole
   * number of pixels. Default 0.008.
   */
  bound?: number
}

const MASK_SCORE_OPTIONS: OptionNames<MaskScoreOptions> = { ignored: true, bound: true }

const DEFAULT_BOUND = 0.008

function boundaryRadius(width: number, height: number, bound: number): number {
  if (!(bound > 0) || (bound >= 1 && !Number.isInteger(bound))) {
    throw new InvalidArgumentError(
      `bound must be a share of the diagonal in 0..1 or a whole number of pixels, got ${bound}`,
    )
  }
  return bound >= 1 ? bound : Math.ceil(bound * Math.sqrt(width * width + height * height))
}

/** A side without any boundary cannot be wrong about it, nor find the other's. */
function boundaryScore(counts: MaskComparison) {
  const { truthBoundary, predictedBoundary, truthMatches, predictedMatches } = counts
  const precision = predictedBoundary > 0 ? predictedMatches / predictedBoundary : 1
  const recall = truthBoundary > 0 ? truthMatches / truthBoundary : 1
  const sum = precision + recall
  return { f: sum === 0 ? 0 : (2 * precision * recall) / sum, precision, recall }
}

function maskScore(counts: MaskComparison, radius: number): MaskScore {
  const j = counts.union === 0 ? 1 : counts.intersection / counts.union
  return { j, ...boundaryScore(counts), radius, ...counts }
}

/**
 * Region similarity J and boundary measure F of a frame, as the DAVIS benchmark defines and its
 * public evaluation (davis2017-evaluation) computes them, with the counts behind them. Two empty
 * masks have J = F = 1; "no boundary" is not "empty": the whole frame against an empty mask has
 * J = 0 and F = 1. Runs in the engine, on one core.
 *
 * @throws INVALID_ARGUMENT for masks of different sizes (nothing is resized) or a bad `bound`.
 */
export function scoreMasks(
  truth: ScoredMask,
  predicted: ScoredMask,
  options: MaskScoreOptions = {},
): MaskScore {
  checkOptions(MASK_SCORE_OPTIONS, options, 'scoreMasks')
  const { ignored, bound = DEFAULT_BOUND } = options
  const radius = boundaryRadius(truth.width, truth.height, bound)
  return typed(() => maskScore(addon().compareMasks(truth, predicted, radius, ignored), radius))
}

/** Which labels of a frame to compare. */
export type LabelPairs = Omit<AddonLabelPairs, 'radius'>

/**
 * scoreMasks for the labels of two label maps, null a map without any object: one score per label
 * of the truth, or with `pairs.all` [predicted label][truth label].
 *
 * @throws INVALID_ARGUMENT for maps of different sizes, or a bad `bound`.
 */
export function scoreLabels(
  truth: ScoredMask,
  predicted: ScoredMask | null,
  pairs: LabelPairs,
  bound = DEFAULT_BOUND,
): MaskScore[] {
  const radius = boundaryRadius(truth.width, truth.height, bound)
  return typed(() => {
    const all = addon().compareLabels(truth, predicted, { ...pairs, radius })
    return all.map(counts => maskScore(counts, radius))
  })
}

/**
 * The one-pixel line that F compares, u8 0/1 [height, width]: a pixel belongs to it when it differs
 * from its right, lower or lower-right neighbour inside the frame.
 */
export function boundaryMap(mask: ScoredMask, ignored?: ScoredMask): Uint8Array {
  return typed(() => addon().boundaryMap(mask, ignored))
}
