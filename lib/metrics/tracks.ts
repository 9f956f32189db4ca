import { type HotaScore, scoreHota, type TrackedFrame } from './hota.js'
import type { ScoredMask } from './masks.js'
import {
  coordinates,
  levelScore,
  meanPointScore,
  type PointScore,
  pairByDistance,
  pointInMask,
  pointScore,
  type ScoredPoint,
} from './points.js'
import { roundHalfToEven } from './statistics.js'

/** By frame number: the points of that frame by object or track id. */
export type TrackPoints = ReadonlyMap<number, ReadonlyMap<string, ScoredPoint>>

/** An object of a clip and its masks by frame number; a frame without one has an empty mask. */
export interface TrackTarget {
  id: string
  masks: ReadonlyMap<number, ScoredMask>
}

/**
 * Which mask belongs to the j-th point of the truth in a frame:
 * - 'molmo2': the j-th of the clip, as the reference has it, also where an earlier object is absent
 *   and the masks are off by one; recall divides by the objects of the clip;
 * - 'by-id': that of the object with the point's id; recall divides by the objects of the frame.
 */
export type TrackPairing = 'molmo2' | 'by-id'

export const TRACK_PAIRINGS: readonly TrackPairing[] = ['molmo2', 'by-id']

export interface TrackScore extends PointScore, HotaScore {
  /** Frames with an entry on either side, in the prediction, in the truth. */
  frames: number
  predictedFrames: number
  truthFrames: number
}

/** The frame of a time in seconds. */
export const frameOfTime = (time: number, framesPerSecond: number): number =>
  roundHalfToEven(time * framesPerSecond)

/** Whether a point lies on the mask that belongs to point `id`, the `at`-th of its frame. */
type Hit = (point: ScoredPoint, id: string, at: number) => boolean

function hitIn(frame: number, objects: readonly TrackTarget[], pairing: TrackPairing): Hit {
  return (point, id, at) => {
    const target = pairing === 'molmo2' ? objects[at] : objects.find(object => object.id === id)
    const mask = target?.masks.get(frame)
    return mask !== undefined && pointInMask(point, mask)
  }
}

/** Points and references are paired one to one by distance, as for a picture. */
function scoreFrame(
  points: readonly ScoredPoint[],
  references: ReadonlyMap<string, ScoredPoint>,
  masks: number,
  hit: Hit,
): PointScore {
  if (references.size === 0) return levelScore(points.length === 0 ? 1 : 0)
  if (points.length === 0) return levelScore(0)
  const truth = [...references]
  const pairs = pairByDistance(
    points.map(coordinates),
    truth.map(([, reference]) => coordinates(reference)),
  )
  const right = pairs.filter((j, i) => j >= 0 && hit(points[i]!, truth[j]![0], j)).length
  if (masks > 0) return pointScore(right, points.length, right, masks)
  return pointScore(right, points.length, 1, 1)
}

/** Ids of all frames, numbered in the order of their text. */
function numberIds(points: TrackPoints): Map<string, number> {
  const ids = new Set([...points.values()].flatMap(frame => [...frame.keys()]))
  return new Map([...ids].sort().map((id, i) => [id, i]))
}

const sorted = (points: ReadonlyMap<string, ScoredPoint> = new Map()) =>
  [...points].sort(([a], [b]) => (a < b ? -1 : 1))

/**
 * Scores predicted tracks of points by the evaluation of Molmo 2: precision, recall and F1 of every
 * frame with an entry on either side, and HOTA over the clip. No such frame at all: all scores 1.
 *
 * @param truth one point per object and frame, in the order of `objects`.
 * @param pairing default 'molmo2'.
 * @throws INVALID_ARGUMENT for a coordinate that is not finite.
 */
export function scoreTracks(
  predicted: TrackPoints,
  truth: TrackPoints,
  objects: readonly TrackTarget[],
  pairing: TrackPairing = 'molmo2',
): TrackScore {
  const numbers = [...new Set([...predicted.keys(), ...truth.keys()])].sort((a, b) => a - b)
  const [objectIds, trackIds] = [numberIds(truth), numberIds(predicted)]
  const scores: PointScore[] = []
  const frames: TrackedFrame[] = []
  for (const frame of numbers) {
    const hit = hitIn(frame, objects, pairing)
    const references = truth.get(frame) ?? new Map<string, ScoredPoint>()
    const points = predicted.get(frame)
    const masks = pairing === 'molmo2' ? objects.length : references.size
    scores.push(scoreFrame([...(points?.values() ?? [])], references, masks, hit))
    const [rows, columns] = [sorted(references), sorted(points)]
    frames.push({
      truth: rows.map(([id]) => objectIds.get(id)!),
      predicted: columns.map(([id]) => trackIds.get(id)!),
      similarity: rows.map(([id], i) => columns.map(([, point]) => +hit(point, id, i))),
    })
  }
  return {
    ...(meanPointScore(scores) ?? levelScore(1)),
    ...scoreHota(frames, objectIds.size, trackIds.size),
    frames: numbers.length,
    predictedFrames: predicted.size,
    truthFrames: truth.size,
  }
}
