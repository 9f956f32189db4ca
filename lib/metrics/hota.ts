import { assign } from '../ground/assign.js'

/** One frame: rows are objects of the truth, columns predictions. */
export interface TrackedFrame {
  /** Object of each row and track of each column, numbered from 0 over the whole clip. */
  truth: readonly number[]
  predicted: readonly number[]
  /** Whether prediction j lies on object i, 0 or 1, [rows][columns]. */
  similarity: readonly (readonly number[])[]
}

/** 0 .. 1 each. */
export interface HotaScore {
  hota: number
  /** Accuracy, precision and recall of the detections. */
  detA: number
  detPr: number
  detRe: number
  /** Accuracy of the identities over time. */
  assA: number
  /** 1 wherever anything was matched: a point is in a mask or not. */
  locA: number
}

const EPSILON = 2 ** -52

const table = (rows: number, columns: number) =>
  Array.from({ length: rows }, () => new Float64Array(columns))

/** Frames in which each object and each track occurs. */
function occurrences(frames: readonly TrackedFrame[], of: 'truth' | 'predicted', count: number) {
  const times = new Float64Array(count)
  for (const frame of frames) for (const id of frame[of]) times[id]!++
  return times
}

/** How well track p fits object g over the whole clip, [objects][tracks]. */
function alignments(
  frames: readonly TrackedFrame[],
  inTruth: Float64Array,
  inTracks: Float64Array,
) {
  const weights = table(inTruth.length, inTracks.length)
  for (const { truth, predicted, similarity } of frames) {
    const rowSums = similarity.map(row => row.reduce((sum, value) => sum + value, 0))
    for (const [j, track] of predicted.entries()) {
      const columnSum = similarity.reduce((sum, row) => sum + row[j]!, 0)
      for (const [i, object] of truth.entries()) {
        const value = similarity[i]![j]!
        const whole = columnSum + rowSums[i]! - value
        if (whole > 0) weights[object]![track]! += value / whole
      }
    }
  }
  return weights.map((row, g) =>
    row.map((weight, p) => weight / (inTruth[g]! + inTracks[p]! - weight + EPSILON)),
  )
}

/**
 * HOTA as the evaluation of Molmo 2 computes it for points, after TrackEval: similarities are 0 or
 * 1, so every threshold gives the same and there is one value for all. Nothing on both sides scores
 * 1, nothing on one side 0 (localisation 1).
 */
export function scoreHota(
  frames: readonly TrackedFrame[],
  objects: number,
  tracks: number,
): HotaScore {
  const inTruth = occurrences(frames, 'truth', objects)
  const inTracks = occurrences(frames, 'predicted', tracks)
  const total = (times: Float64Array) => times.reduce((sum, value) => sum + value, 0)
  const [wanted, given] = [total(inTruth), total(inTracks)]
  if (wanted === 0 || given === 0) {
    const value = wanted === given ? 1 : 0
    return { hota: value, detA: value, detPr: value, detRe: value, assA: value, locA: 1 }
  }
  const alignment = alignments(frames, inTruth, inTracks)
  const matches = table(objects, tracks)
  let hits = 0
  for (const { truth, predicted, similarity } of frames) {
    const cost = truth.map((g, i) =>
      predicted.map((p, j) => -alignment[g]![p]! * similarity[i]![j]!),
    )
    for (const [i, j] of assign(cost).entries()) {
      if (j < 0 || similarity[i]![j]! === 0) continue
      hits++
      matches[truth[i]!]![predicted[j]!]!++
    }
  }
  let association = 0
  for (const [g, row] of matches.entries()) {
    for (const [p, count] of row.entries()) {
      association += (count * count) / Math.max(1, inTruth[g]! + inTracks[p]! - count)
    }
  }
  const detA = hits / Math.max(1, wanted + given - hits)
  const assA = association / Math.max(1, hits)
  return {
    hota: Math.sqrt(detA * assA),
    detA,
    detPr: hits / given,
    detRe: hits / wanted,
    assA,
    locA: 1,
  }
}
