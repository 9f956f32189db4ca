import { InvalidArgumentError } from '../engine/errors.js'
import type { ScoredPoint } from './points.js'
import { meanOf, roundHalfToEven } from './statistics.js'

/** A point's way through a clip, and in which frames it cannot be seen. */
export interface PointTrack {
  /** One per frame; TAP-Vid means pixels of 256 x 256 frames. */
  positions: readonly ScoredPoint[]
  occluded: readonly boolean[]
}

/** A point to track: where it is in the frame in which it was asked for. */
export interface PointTrackQuery {
  queryFrame: number
  truth: PointTrack
  predicted: PointTrack
}

/** Frames that count: those after the query's, or all but the query's. */
export type QueryMode = 'first' | 'strided'

export const QUERY_MODES: readonly QueryMode[] = ['first', 'strided']

/** Pixels. */
export const TRACK_THRESHOLDS = [1, 2, 4, 8, 16] as const

export interface PointTrackScore {
  /** Share of frames in which the occlusion is said rightly. */
  occlusionAccuracy: number
  /** By threshold: share of the visible points that are nearer than that. */
  within: number[]
  /** By threshold: right / (visible + wrongly said to be visible or too far off). */
  jaccard: number[]
  /** Averages over the thresholds. */
  averageWithin: number
  averageJaccard: number
}

/** A frame of a query. */
interface Cell {
  visible: boolean
  said: boolean
  squaredDistance: number
}

function checkLengths({ truth, predicted }: PointTrackQuery): number {
  const lengths = [truth, predicted].flatMap(track => [
    track.positions.length,
    track.occluded.length,
  ])
  if (new Set(lengths).size > 1) {
    throw new InvalidArgumentError(
      `tracks must have one position and one occlusion flag per frame, got ${lengths.join(', ')}`,
    )
  }
  return lengths[0]!
}

function cells(query: PointTrackQuery, mode: QueryMode): Cell[] {
  const { truth, predicted } = query
  const asked = roundHalfToEven(query.queryFrame)
  const frames = Array.from({ length: checkLengths(query) }, (_, frame) => frame)
  const counted = frames.filter(frame => (mode === 'first' ? frame > asked : frame !== asked))
  return counted.map(frame => {
    const [a, b] = [truth.positions[frame]!, predicted.positions[frame]!]
    return {
      visible: !truth.occluded[frame],
      said: !predicted.occluded[frame],
      squaredDistance: (a.x - b.x) ** 2 + (a.y - b.y) ** 2,
    }
  })
}

/**
 * Scores of a clip by the TAP-Vid protocol: occlusion accuracy, points within a threshold and
 * Jaccard. Null where nothing can be scored: no frames, or no visible point in them.
 *
 * @throws INVALID_ARGUMENT for tracks of different lengths.
 */
export function scorePointTracks(
  queries: readonly PointTrackQuery[],
  mode: QueryMode = 'first',
): PointTrackScore | null {
  const all = queries.flatMap(query => cells(query, mode))
  const visible = all.filter(cell => cell.visible).length
  if (visible === 0) return null
  const within: number[] = []
  const jaccard: number[] = []
  for (const threshold of TRACK_THRESHOLDS) {
    const near = (cell: Cell) => cell.squaredDistance < threshold ** 2
    const right = all.filter(cell => cell.visible && cell.said && near(cell)).length
    const wrong = all.filter(cell => cell.said && !(cell.visible && near(cell))).length
    within.push(all.filter(cell => cell.visible && near(cell)).length / visible)
    jaccard.push(right / (visible + wrong))
  }
  return {
    occlusionAccuracy: all.filter(cell => cell.visible === cell.said).length / all.length,
    within,
    jaccard,
    averageWithin: meanOf(within)!,
    averageJaccard: meanOf(jaccard)!,
  }
}
