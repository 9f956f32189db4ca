import { type ScoredMask, scoreMasks } from '../metrics/masks.js'

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
): void {
  scores.frames.push(frame)
  const { j, f } = scoreMasks(truth, predicted)
  scores.j.push(j)
  scores.f.push(f)
}
