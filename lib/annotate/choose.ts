import { InvalidArgumentError, typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { Mask } from '../formats/mask.js'
import type { Point } from '../ground/models.js'
import { distinctPoints } from '../ground/points.js'
import { checkOptions } from '../options/check.js'
import type { EncodedImage, ImageSource, Segmenter } from '../segment/segmenter.js'
import {
  type AnnotateSettings,
  annotateSettings,
  CHOOSE_OPTIONS,
  type ChooseOptions,
} from './options.js'
import { drawPoints, uniformDraws } from './sample.js'

/** A drawn point and what SAM 2 makes of it. */
export interface CandidatePoint extends Point {
  /** Of SAM 2's mask and the given one, 0..1. */
  iou: number
  /** SAM 2's own estimate of that. */
  score: number
}

/** The point of an object from which SAM 2's mask is nearest to the given one. */
export interface ChosenPoint extends CandidatePoint {
  /** SAM 2's mask from this point. */
  mask: Mask
  /** All drawn points, without repeats, in the order in which they were drawn. */
  candidates: CandidatePoint[]
}

/** What choosing points needs of a `Segmenter`. */
export type PictureSegmenter = Pick<Segmenter, 'encode' | 'segment'>

/**
 * The annotation pipeline of the paper on one picture (equations 7 and 8): draws candidate points
 * per mask, asks SAM 2 with each alone, and keeps the one whose mask has the highest IoU with the
 * given mask, the earliest on a tie. Of SAM 2's three readings of a click the one that it trusts
 * most counts. The picture is encoded once; an object's candidates are decoded as one batch.
 *
 * @param masks one per object, of the picture's size.
 * @returns one entry per mask, null for an empty one.
 * @throws INVALID_ARGUMENT for a mask of another size or a bad option, DECODE_FAILED, ABORTED,
 * DISPOSED.
 */
export async function choosePoints(
  segmenter: PictureSegmenter,
  image: ImageSource,
  masks: readonly Mask[],
  options: ChooseOptions = {},
): Promise<(ChosenPoint | null)[]> {
  checkOptions(CHOOSE_OPTIONS, options, 'choosePoints')
  const objects = masks.map((mask, i) => ({ mask, key: `${i}` }))
  return chooseFor(segmenter, image, objects, annotateSettings(options))
}

/** A mask and the name that its draws depend on. */
export interface KeyedMask {
  mask: Mask
  key: string
}

/** As choosePoints, with settings checked already. */
export async function chooseFor(
  segmenter: PictureSegmenter,
  image: ImageSource,
  objects: readonly KeyedMask[],
  settings: AnnotateSettings,
): Promise<(ChosenPoint | null)[]> {
  const drawn = objects.map(object => drawCandidates(object, settings))
  if (drawn.every(points => points.length === 0)) return objects.map(() => null)
  const call = settings.signal ? { signal: settings.signal } : {}
  const encoded = await segmenter.encode(image, call)
  try {
    const chosen: (ChosenPoint | null)[] = []
    for (const [i, { mask }] of objects.entries()) {
      const points = drawn[i]!
      chosen.push(points.length > 0 ? await best(segmenter, encoded, mask, points, call) : null)
    }
    return chosen
  } finally {
    encoded.dispose()
  }
}

/** Equation 7. */
function drawCandidates({ mask, key }: KeyedMask, { candidates, seed }: AnnotateSettings): Point[] {
  const { data, width, height } = mask
  return typed(() => {
    const distances = addon().rimDistances({ data, width, height })
    return distinctPoints(drawPoints(distances, width, uniformDraws(`${seed}:${key}`, candidates)))
  })
}

/** Equation 8. */
async function best(
  segmenter: PictureSegmenter,
  encoded: EncodedImage,
  truth: Mask,
  points: readonly Point[],
  call: { signal?: AbortSignal },
): Promise<ChosenPoint> {
  checkSize(truth, encoded)
  const prompts = points.map(({ x, y }) => ({ points: [[x, y] as const] }))
  const answers = await segmenter.segment(encoded, prompts, { ...call, multimask: true })
  const masks = answers.map(({ masks, scores }) => masks[scores.indexOf(Math.max(...scores))]!)
  const candidates = points.map(({ x, y }, i) => ({
    x,
    y,
    iou: iou(masks[i]!, truth),
    score: Math.max(...answers[i]!.scores),
  }))
  const first = bestOf(candidates.map(candidate => candidate.iou))
  return { ...candidates[first]!, mask: masks[first]!, candidates }
}

function checkSize(mask: Mask, picture: EncodedImage): void {
  if (mask.width === picture.width && mask.height === picture.height) return
  throw new InvalidArgumentError(
    `masks must have the size of the picture, ${picture.width}x${picture.height}, got ${mask.width}x${mask.height}`,
  )
}

/** Place of the largest value, the earliest on a tie. */
export const bestOf = (values: readonly number[]): number => values.indexOf(Math.max(...values))

/** Intersection over union; 0 when both are empty. */
export function iou(a: Mask, b: Mask): number {
  const side = ({ data, width, height }: Mask) => ({ data, width, height })
  const { intersection, union } = typed(() => addon().maskOverlap(side(a), side(b)))
  return union === 0 ? 0 : intersection / union
}
