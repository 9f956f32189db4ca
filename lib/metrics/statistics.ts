/**
 * Mean, recall and decay of a list of scores (DAVIS 2017), or nulls for an empty list. (The
 * reference keeps the borders of the quarters in eight bits and goes wrong from 257 frames on; that
 * is not imitated.)
 */
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

/** 0.5 -> 0, 1.5 -> 2, -0.5 -> 0: halves go to the even neighbour, as Python and numpy round. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
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

/** Scores of one object or one sentence on the frames of its video. */
export interface SequenceScores {
  j: readonly number[]
  f: readonly number[]
}

/** Scores of a whole data set; nulls without a sequence. */
export interface TotalScore {
  j: Statistics
  f: Statistics
  /** J&F: the average of the two means. */
  jf: number | null
}

/** Averages in which every object or sentence has the same weight, however long its video is. */
export function totalScore(sequences: readonly SequenceScores[]): TotalScore {
  const average = (of: 'j' | 'f'): Statistics => {
    const all = sequences.map(scores => statisticsOf(scores[of]))
    const part = (name: keyof Statistics) =>
      meanOf(all.map(each => each[name]).filter(value => value !== null))
    return { mean: part('mean'), recall: part('recall'), decay: part('decay') }
  }
  const [j, f] = [average('j'), average('f')]
  return { j, f, jf: j.mean === null || f.mean === null ? null : (j.mean + f.mean) / 2 }
}
