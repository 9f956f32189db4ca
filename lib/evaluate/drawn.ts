import type { AddonCancel } from '../engine/addon.js'
import type { Mask } from '../formats/mask.js'
import { combineCounts } from '../ground/count.js'
import type { GroundEngine, Point } from '../ground/engine.js'
import { groundClip } from '../ground/ground.js'
import {
  FUSION_STRATEGIES,
  type FusionStrategy,
  type GroundOptions,
  groundSettings,
  pointSettings,
} from '../ground/options.js'
import { pointClip } from '../ground/point.js'
import type { GroundResult } from '../ground/result.js'
import { type ClipQuery, clipSource, type DrawnClip, truthMask } from './clips.js'
import { scoreMasks } from './masks.js'
import {
  centroid,
  meanPointScore,
  type PointScore,
  type PointTarget,
  scorePoints,
} from './points.js'
import { meanOf } from './statistics.js'

/** The models under test. */
export interface Subject {
  engine: GroundEngine
  previousFrames: number
  createCancel: () => AddonCancel
}

/** Points of one sentence on the keyframes of one clip. */
export interface PointRecord extends PointScore {
  kind: string
  /** Whether the clip's count is that of the truth. */
  countExact: boolean
}

/** J and F of one sentence, means over the frames of one clip. */
export interface MaskRecord {
  kind: string
  j: number
  f: number
}

/** What a sentence names in a frame; a motion has not happened yet in frame 0. */
function namedObjects(query: ClipQuery, frame: number): number[] {
  return query.motion && frame === 0 ? [] : query.objects
}

function scoreFrame(
  clip: DrawnClip,
  query: ClipQuery,
  frame: number,
  points: readonly Point[],
): PointScore {
  const objects: PointTarget[] = []
  for (const object of namedObjects(query, frame)) {
    const mask = truthMask(clip, frame, [object])
    const reference = centroid(mask)
    if (reference) objects.push({ mask, reference })
  }
  return scorePoints(points, objects)
}

/**
 * Point precision, recall and F1 by Molmo's protocol, means over the sampled frames of the clip,
 * and whether the most frequent number of points (without frame 0 for motions) is the number of
 * objects.
 */
export async function measurePoints(
  subject: Subject,
  clip: DrawnClip,
  query: ClipQuery,
  options: { keyframeEvery: number; contextFrames?: number; blackContext?: boolean },
): Promise<PointRecord> {
  const settings = pointSettings(options, subject.previousFrames, 5)
  const { engine, createCancel } = subject
  const scores: PointScore[] = []
  const counts: number[] = []
  for await (const said of pointClip(
    engine,
    createCancel,
    clipSource(clip),
    query.text,
    settings,
  )) {
    scores.push(scoreFrame(clip, query, said.frameIndex, said.points))
    if (!query.motion || said.frameIndex > 0) counts.push(said.points.length)
  }
  return {
    kind: query.kind,
    // A clip has a frame 0, and that is always asked.
    ...meanPointScore(scores)!,
    countExact: combineCounts(counts, 'mode') === query.objects.length,
  }
}

/** Grounds a sentence; the results carry both directions, so any fusion can be tried afterwards. */
export async function groundQuery(
  subject: Subject,
  clip: DrawnClip,
  query: ClipQuery,
  options: GroundOptions,
): Promise<GroundResult[]> {
  const settings = groundSettings(options, subject.previousFrames)
  const { engine, createCancel } = subject
  const results: GroundResult[] = []
  const run = groundClip(engine, createCancel, clipSource(clip), query.text, settings)
  for await (const result of run) results.push(result)
  return results
}

export interface FusionChoice {
  strategy: FusionStrategy
  tau: number
}

/** A frame's mask as another fusion gives it. */
function refuse(subject: Subject, result: GroundResult, choice: FusionChoice): Uint8Array {
  const { directions, mask, width, height } = result
  if (!directions) return mask.data
  const side = (half: Mask | null) => half && { data: half.data, width, height }
  const [forward, backward] = [side(directions.forward), side(directions.backward)]
  if (!forward && !backward) return mask.data
  return subject.engine.masks.fuseMasks(forward, backward, choice).data
}

/** J and F of a grounded sentence under a fusion, means over all frames. */
export function measureMasks(
  subject: Subject,
  clip: DrawnClip,
  query: ClipQuery,
  results: readonly GroundResult[],
  choice: FusionChoice,
): MaskRecord {
  const frames = results.map(result => {
    const { frameIndex, width, height } = result
    const truth = truthMask(clip, frameIndex, query.objects)
    return scoreMasks(truth, { data: refuse(subject, result, choice), width, height })
  })
  const average = (of: 'j' | 'f') => meanOf(frames.map(frame => frame[of])) ?? Number.NaN
  return { kind: query.kind, j: average('j'), f: average('f') }
}

export const DEFAULT_CHOICE: FusionChoice = { strategy: 'bidirectional', tau: 0.7 }

/** Every row of table 5, at the default tau. */
export const STRATEGY_CHOICES: readonly FusionChoice[] = FUSION_STRATEGIES.map(strategy => ({
  strategy,
  tau: 0.7,
}))
