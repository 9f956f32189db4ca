import { roundHalfToEven } from './points.js'

/** Mean, recall and decay of a list of scores (DAVIS 2017), or nulls for an empty list. */
export interface Statistics {
  mean: number | null
  /** Share of scores above 0.5. */
  recall: number | null
  /** Mean of the first quarter less that of the last. */
  decay: number | null
}

/** Null for an empty list: a mean of nothing is no score. */
export function meanOf(values: readonly number[]): number | null {
  if (values.length === 0) return null
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Borders of the four quarters of a sequence; neighbours share a frame, as in the reference. */
function quarterBorders(length: number): number[] {
  return [0, 1, 2, 3, 4].map(i => roundHalfToEven(1 + ((length - 1) * i) / 4 + 1e-10) - 1)
}

/** Statistics of one object in one sequence, over its frames in order. */
export function statisticsOf(scores: readonly number[]): Statistics {
  if (scores.length === 0) return { mean: null, recall: null, decay: null }
  const borders = quarterBorders(scores.length)
  const quarter = (q: number) => meanOf(scores.slice(borders[q]!, borders[q + 1]! + 1))!
  return {
    mean: meanOf(scores),
    recall: scores.filter(score => score > 0.5).length / scores.length,
    decay: quarter(0) - quarter(3),
  }
}
