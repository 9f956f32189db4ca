import type { AddonMask } from '../engine/addon.js'
import { Mask } from '../formats/mask.js'
import { interiorPoint } from './interior.js'
import type { GroundModels } from './models.js'
import type { FusionStrategy } from './options.js'
import type { GroundedObject, MaskSource } from './result.js'
import type { Estimate } from './tracker.js'

/** An estimate whose objects have their clip-wide numbers. */
export interface NamedEstimate extends Estimate {
  objectIds: readonly number[]
}

export interface FusionOptions {
  tau: number
  strategy: FusionStrategy
}

interface Size {
  width: number
  height: number
}

/** Pixels that any of the masks holds; null for no mask at all. */
export function unionOf(masks: readonly Uint8Array[]): Uint8Array | null {
  const [first, ...others] = masks
  if (!first) return null
  if (others.length === 0) return first
  const union = first.slice()
  for (const mask of others) {
    for (let i = 0; i < union.length; i++) union[i]! |= mask[i]!
  }
  return union
}

function toAddonMask(data: Uint8Array | null | undefined, size: Size): AddonMask | null {
  return data ? { data, width: size.width, height: size.height } : null
}

const clampScore = (iou: number) => Math.min(1, Math.max(0, iou))

/** Equations 5 and 6, or another row of table 5, on single masks. */
function fusePair(
  arithmetic: GroundModels['masks'],
  forward: Uint8Array | null | undefined,
  backward: Uint8Array | null | undefined,
  size: Size,
  options: FusionOptions,
): Mask {
  const { width, height } = size
  if (!forward && !backward) return new Mask(new Uint8Array(width * height), width, height)
  const { data } = arithmetic.fuseMasks(
    toAddonMask(forward, size),
    toAddonMask(backward, size),
    options,
  )
  return new Mask(data, width, height)
}

/** Union over the objects of one direction. */
export function unionMask(estimate: Estimate | null, size: Size): Mask | null {
  const data = unionOf(estimate?.masks ?? [])
  return data && new Mask(data, size.width, size.height)
}

/** The frame's mask as the paper has it: union over the objects per direction, then fused. */
export function fuseDirections(
  arithmetic: GroundModels['masks'],
  directions: { forward: Mask | null; backward: Mask | null },
  size: Size,
  options: FusionOptions,
): Mask {
  const { forward, backward } = directions
  return fusePair(arithmetic, forward?.data, backward?.data, size, options)
}

/**
 * IoU of what the two directions say between two keyframes; nothing counts as an empty mask, and two
 * empty ones agree.
 */
export function agreementOf(
  arithmetic: GroundModels['masks'],
  forward: Mask | null,
  backward: Mask | null,
): number {
  if (!forward || !backward) return (forward ?? backward)?.area ? 0 : 1
  const side = ({ data, width, height }: Mask) => ({ data, width, height })
  const { intersection, union } = arithmetic.maskOverlap(side(forward), side(backward))
  return union === 0 ? 1 : intersection / union
}

/**
 * Every object of either direction, the two sides of one object fused.
 *
 * @param between the frame lies between two keyframes, so that both sides have something to say.
 */
export function fuseObjects(
  arithmetic: GroundModels['masks'],
  forward: NamedEstimate | null,
  backward: NamedEstimate | null,
  size: Size,
  options: FusionOptions,
  between = false,
): GroundedObject[] {
  const ids = new Set([...(forward?.objectIds ?? []), ...(backward?.objectIds ?? [])])
  const toMask = (data: Uint8Array | undefined) =>
    data ? new Mask(data, size.width, size.height) : null
  return [...ids].map(objectId => {
    const left = forward?.objectIds.indexOf(objectId) ?? -1
    const right = backward?.objectIds.indexOf(objectId) ?? -1
    const [ahead, back] = [toMask(forward?.masks[left]), toMask(backward?.masks[right])]
    const mask = fusePair(arithmetic, ahead?.data, back?.data, size, options)
    const ious = [forward?.ious[left], backward?.ious[right]].filter(iou => iou !== undefined)
    const score = ious.reduce((sum, iou) => sum + iou, 0) / ious.length
    const source = ahead && back ? 'fused' : 'propagated'
    const agreement = between ? agreementOf(arithmetic, ahead, back) : null
    return { ...toObject(objectId, mask, score, source), agreement }
  })
}

function toObject(objectId: number, mask: Mask, score: number, source: MaskSource): GroundedObject {
  const inside = interiorPoint(mask)
  return {
    objectId,
    points: inside ? [inside] : [],
    mask,
    box: mask.box,
    score: clampScore(score),
    visible: mask.area > 0,
    source,
    agreement: null,
  }
}

/** The objects of an answered keyframe, which keep their own masks. */
export function pointedObjects(
  estimate: NamedEstimate,
  points: readonly { x: number; y: number }[],
  size: Size,
): GroundedObject[] {
  return estimate.objectIds.map((objectId, o) => {
    const mask = new Mask(estimate.masks[o]!, size.width, size.height)
    return { ...toObject(objectId, mask, estimate.ious[o]!, 'point'), points: [points[o]!] }
  })
}
