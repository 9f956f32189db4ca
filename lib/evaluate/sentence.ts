import type { Expression, ObjectMasks, Sequence } from '../datasets/dataset.js'
import type { Mask } from '../formats/mask.js'
import { combineCounts } from '../ground/count.js'
import { groundClip } from '../ground/ground.js'
import type { Point } from '../ground/models.js'
import {
  FUSION_STRATEGIES,
  type FusionStrategy,
  type GroundOptions,
  groundSettings,
  type PointOptions,
  pointSettings,
} from '../ground/options.js'
import { pointClip } from '../ground/point.js'
import type { GroundResult } from '../ground/result.js'
import { scoreMasks } from '../metrics/masks.js'
import {
  centroid,
  meanPointScore,
  type PointScore,
  type PointTarget,
  scorePoints,
} from '../metrics/points.js'
import { meanOf } from '../metrics/statistics.js'
import { fuseMasks } from '../segment/masks.js'
import type { Frame, FrameSource } from '../video/frame.js'
import { openImageFiles } from '../video/images.js'
import type { Subject } from './predict.js'
import { unionOfObjects } from './score-sequence.js'

/** A sequence held whole, so that many settings see the same frames. */
export interface LoadedClip {
  sequence: Sequence
  frames: Frame[]
}

export async function loadClip(sequence: Sequence): Promise<LoadedClip> {
  const frames: Frame[] = []
  for await (const frame of openImageFiles(sequence.pictures, sequence.id)) frames.push(frame)
  return { sequence, frames }
}

/** The clip's frames as a source; the same Frame objects each time. */
export function clipSource(clip: LoadedClip): FrameSource {
  const frameCount = clip.frames.length
  return {
    frameCount,
    expectedFrames: frameCount,
    frameRate: null,
    name: clip.sequence.id,
    access: null,
    async *[Symbol.asyncIterator]() {
      yield* clip.frames
    },
  }
}

/** A sentence about a loaded clip with its ground truth. */
export interface Sentence {
  clip: LoadedClip
  expression: Expression
  /** By frame; null where none is scored. */
  truth: (ObjectMasks | null)[]
}

/** Objects that a sentence names. */
export const namedObjects = (truth: Sentence['truth']): number =>
  Math.max(0, ...truth.map(objects => objects?.masks.length ?? 0))

/** Reads the ground truth of a sentence. */
export async function openSentence(clip: LoadedClip, expression: Expression): Promise<Sentence> {
  const scored = new Set(expression.frames)
  const truth: (ObjectMasks | null)[] = []
  for (const frame of clip.sequence.frames) {
    truth.push(scored.has(frame) ? await clip.sequence.objects!(expression, frame) : null)
  }
  return { clip, expression, truth }
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

function scoreFrame(objects: ObjectMasks, known: boolean, points: readonly Point[]): PointScore {
  const { width, height, masks } = objects
  const targets: PointTarget[] = []
  for (const data of known ? masks : []) {
    const mask = { data, width, height }
    const reference = centroid(mask)
    if (reference) targets.push({ mask, reference })
  }
  return scorePoints(points, targets)
}

/**
 * Point precision, recall and F1 by Molmo's protocol, means over the sampled frames of the clip,
 * and whether the most frequent number of points is the number of objects. Frames in which the
 * answer cannot be known yet name nothing and do not count.
 */
export async function measurePoints(
  { models, previousFrames }: Subject,
  { clip, expression, truth }: Sentence,
  options: PointOptions,
): Promise<PointRecord> {
  const settings = pointSettings(options, previousFrames, 5)
  const { text, kind = '', knownFrom = 0 } = expression
  const scores: PointScore[] = []
  const counts: number[] = []
  for await (const said of pointClip(models.pointer, clipSource(clip), text, settings)) {
    const objects = truth[said.frameIndex]
    const known = said.frameIndex >= knownFrom
    if (objects) scores.push(scoreFrame(objects, known, said.points))
    if (known) counts.push(said.points.length)
  }
  const none = { precision: Number.NaN, recall: Number.NaN, f1: Number.NaN }
  const countExact = counts.length > 0 && combineCounts(counts, 'mode') === namedObjects(truth)
  return { kind, ...(meanPointScore(scores) ?? none), countExact }
}

/** Grounds a sentence; the results carry both directions, so any fusion can be tried afterwards. */
export async function groundSentence(
  { models, previousFrames }: Subject,
  { clip, expression }: Pick<Sentence, 'clip' | 'expression'>,
  options: GroundOptions,
): Promise<GroundResult[]> {
  const settings = groundSettings(options, previousFrames)
  const results: GroundResult[] = []
  const run = groundClip(models, clipSource(clip), expression.text, settings)
  for await (const result of run) results.push(result)
  return results
}

export interface FusionChoice {
  strategy: FusionStrategy
  tau: number
}

/** A frame's mask as another fusion gives it. */
function refuse({ directions, mask }: GroundResult, choice: FusionChoice): Mask {
  if (!directions?.forward && !directions?.backward) return mask
  const { strategy, tau } = choice
  return fuseMasks(directions.forward, directions.backward, { strategy, tau })
}

/** J and F of a grounded sentence under a fusion, means over all frames that are scored. */
export function measureMasks(
  { expression, truth }: Sentence,
  results: readonly GroundResult[],
  choice: FusionChoice,
): MaskRecord {
  const frames = results.flatMap(result => {
    const { frameIndex, width, height } = result
    const objects = truth[frameIndex]
    if (!objects) return []
    // Without any annotated object the truth has no size of its own.
    const wanted = unionOfObjects({
      ...objects,
      width: objects.width || width,
      height: objects.height || height,
    })
    return [scoreMasks(wanted, refuse(result, choice))]
  })
  const average = (of: 'j' | 'f') => meanOf(frames.map(frame => frame[of])) ?? Number.NaN
  return { kind: expression.kind ?? '', j: average('j'), f: average('f') }
}

/** Every row of table 5, at the default tau. */
export const STRATEGY_CHOICES: readonly FusionChoice[] = FUSION_STRATEGIES.map(strategy => ({
  strategy,
  tau: 0.7,
}))
