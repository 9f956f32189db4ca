import { decodeRle } from '../../../lib/formats/rle.js'
import type { ScoredMask } from '../../../lib/metrics/masks.js'
import {
  type PointTrack,
  type QueryMode,
  scorePointTracks,
  TRACK_THRESHOLDS,
} from '../../../lib/metrics/point-tracks.js'
import { scoreTracks, type TrackPoints, type TrackScore } from '../../../lib/metrics/tracks.js'
import type { GoldenSet } from './golden.js'
import type { Report, Score } from './report.js'

type Pair = [x: number, y: number]
interface Rle {
  size: [height: number, width: number]
  counts: string
}
type TrackFrames = { frame: number; points: [id: string, point: Pair][] }[]

interface TrackCase {
  name: string
  gt: TrackFrames
  pred: TrackFrames
  masks: { id: string; frames: (Rle | { frame: number; mask: Rle | null } | null)[] }[]
  expected: Record<string, number>
}

interface PointTrackCase {
  name: string
  query_mode: QueryMode
  query: [frame: number, y: number, x: number][]
  gt: Pair[][]
  gt_occluded: (boolean | number)[][]
  pred: Pair[][]
  pred_occluded: (boolean | number)[][]
  expected: Record<string, number>
}

const TOLERANCE = 1e-9

/** The set's name of every value. */
const TRACK_VALUES: Record<string, keyof TrackScore> = {
  precision: 'precision',
  recall: 'recall',
  f1: 'f1',
  HOTA: 'hota',
  DetA: 'detA',
  AssA: 'assA',
  DetPr: 'detPr',
  DetRe: 'detRe',
  LocA: 'locA',
  num_frames: 'frames',
  frames_with_pred: 'predictedFrames',
  frames_with_gt: 'truthFrames',
}

const point = ([x, y]: Pair) => ({ x, y })

function decode({ size, counts }: Rle): ScoredMask {
  return { data: decodeRle({ size, counts }), width: size[1], height: size[0] }
}

const trackPoints = (frames: TrackFrames): TrackPoints =>
  new Map(
    frames.map(({ frame, points }) => [frame, new Map(points.map(([id, p]) => [id, point(p)]))]),
  )

function maskTable(frames: TrackCase['masks'][number]['frames']): Map<number, ScoredMask> {
  const table = new Map<number, ScoredMask>()
  for (const [i, entry] of frames.entries()) {
    const [frame, rle] = entry && 'frame' in entry ? [entry.frame, entry.mask] : [i, entry]
    if (rle) table.set(frame, decode(rle))
  }
  return table
}

export function checkTracks(set: GoldenSet, report: Report): void {
  const scores = new Map<string, Score[]>()
  const add = (name: string, score: Score) => scores.set(name, [...(scores.get(name) ?? []), score])
  for (const { name, gt, pred, masks, expected } of set.cases!.cases as TrackCase[]) {
    const objects = masks.map(({ id, frames }) => ({ id, masks: maskTable(frames) }))
    const actual = scoreTracks(trackPoints(pred), trackPoints(gt), objects)
    for (const [value, key] of Object.entries(TRACK_VALUES)) {
      add(value, { of: name, actual: actual[key], expected: expected[value]! })
    }
  }
  for (const one of set.cases!.tapvid as PointTrackCase[]) {
    for (const [value, actual] of Object.entries(pointTrackValues(one))) {
      add(value, { of: one.name, actual, expected: one.expected[value]! })
    }
  }
  for (const [name, list] of scores) report.scores(name, list, TOLERANCE)
  for (const name of Object.keys(set.expected)) report.skip(name, 'float32 copy of cases.json')
}

/** The scores by the set's names. */
function pointTrackValues(one: PointTrackCase): Record<string, number> {
  const track = (positions: Pair[], occluded: (boolean | number)[]): PointTrack => ({
    positions: positions.map(point),
    occluded: occluded.map(Boolean),
  })
  const queries = one.query.map(([queryFrame], i) => ({
    queryFrame,
    truth: track(one.gt[i]!, one.gt_occluded[i]!),
    predicted: track(one.pred[i]!, one.pred_occluded[i]!),
  }))
  const score = scorePointTracks(queries, one.query_mode)!
  const values: Record<string, number> = {
    occlusion_accuracy: score.occlusionAccuracy,
    average_jaccard: score.averageJaccard,
    average_pts_within_thresh: score.averageWithin,
  }
  for (const [i, threshold] of TRACK_THRESHOLDS.entries()) {
    values[`pts_within_${threshold}`] = score.within[i]!
    values[`jaccard_${threshold}`] = score.jaccard[i]!
  }
  return values
}
