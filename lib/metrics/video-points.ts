import type { ScoredMask } from './masks.js'
import {
  levelScore,
  type PointScore,
  pairByDistance,
  pointInMask,
  pointScore,
  type ScoredPoint,
} from './points.js'

/** A point at a time of the clip, in seconds; x and y in pixels. */
export interface VideoPoint extends ScoredPoint {
  time: number
}

/** An object of a clip and its masks by time, two per second in Molmo 2's data. */
export interface VideoPointTarget {
  reference: VideoPoint
  tube: ReadonlyMap<number, ScoredMask>
}

export interface ClipExtent {
  width: number
  height: number
  /** Seconds. */
  duration: number
}

/** Percent with one decimal, as Python rounds: exactly, ties to the even digit. */
function roundedPercent(value: number, whole: number): number {
  const percent = (value / whole) * 100
  // Only quarters lie exactly between two decimals; toFixed is exact but takes the larger.
  if (Number.isInteger(percent * 4) && Math.abs(percent * 4) % 2 === 1) {
    const floor = Math.floor(percent * 10)
    return (floor % 2 === 0 ? floor : floor + 1) / 10
  }
  return Number(percent.toFixed(1))
}

/**
 * Precision, recall and F1 of video points by the evaluation of Molmo 2: points and reference
 * points are paired by their distance in time and place, each as percent of the clip with one
 * decimal; a pair counts when its object has a mask at exactly the point's time and the point lies
 * in it. Without objects or points as in `scorePoints`.
 *
 * @throws INVALID_ARGUMENT for a coordinate or an extent that gives no finite percentage.
 */
export function scoreVideoPoints(
  points: readonly VideoPoint[],
  objects: readonly VideoPointTarget[],
  { width, height, duration }: ClipExtent,
): PointScore {
  if (objects.length === 0) return levelScore(points.length === 0 ? 1 : 0)
  if (points.length === 0) return levelScore(0)
  const scale = ({ time, x, y }: VideoPoint): number[] => [
    roundedPercent(time, duration),
    roundedPercent(x, width),
    roundedPercent(y, height),
  ]
  const references = objects.map(({ reference }) => scale(reference))
  const hit = (object: number, i: number) => {
    const mask = object < 0 ? undefined : objects[object]!.tube.get(points[i]!.time)
    return mask !== undefined && pointInMask(points[i]!, mask)
  }
  const hits = pairByDistance(points.map(scale), references).filter(hit).length
  return pointScore(hits, points.length, hits, objects.length)
}
