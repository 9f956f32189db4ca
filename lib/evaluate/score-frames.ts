import { boundaryMeasure } from './boundary.js'
import { regionSimilarity, type ScoredMask } from './region.js'

/** J and F of one sentence or object on the frames of one sequence, in order. */
export interface FrameScores {
  frames: string[]
  j: number[]
  f: number[]
}

export const noScores = (): FrameScores => ({ frames: [], j: [], f: [] })

/** Scores one frame and adds it. */
export function addFrame(
  scores: FrameScores,
  frame: string,
  truth: ScoredMask,
  predicted: ScoredMask,
  ignored?: Uint8Array,
): void {
  scores.frames.push(frame)
  scores.j.push(regionSimilarity(truth, predicted, ignored))
  scores.f.push(boundaryMeasure(truth, predicted, ignored))
}
