import type { Mask } from '../formats/mask.js'
import type { MaskSource } from '../formats/track-frame.js'
import type { FusedMasks, FusionOptions, MaskWork, Size } from './mask-work.js'
import type { GroundedObject } from './result.js'
import type { Estimate } from './tracker.js'

/** An estimate whose objects have their clip-wide numbers. */
export interface NamedEstimate extends Estimate {
  objectIds: readonly number[]
}

/**
 * How far the keyframes around a frame vouch for an object that only one of them names, 0..1: an
 * answer that does not name it says that it is not there, and the more so the nearer it is.
 */
export interface Vouched {
  /** For what comes from the left keyframe alone. */
  forward: number
  /** For what comes from the right keyframe alone. */
  backward: number
}

const clampScore = (iou: number) => Math.min(1, Math.max(0, iou))

/** The masks of one direction alone, measured. */
export function measureMasks(
  work: MaskWork,
  masks: readonly Uint8Array[],
  { width, height }: Size,
): Promise<FusedMasks> {
  const pairs = masks.map((_, o) => [o, -1] as const)
  const estimates = { width, height, forward: masks, backward: [], pairs }
  return work.fuse(estimates, { tau: 1, strategy: 'bidirectional' })
}

/** A frame's masks from both directions and every object of either, its two sides fused. */
export async function fuseObjects(
  work: MaskWork,
  forward: NamedEstimate | null,
  backward: NamedEstimate | null,
  { width, height }: Size,
  options: FusionOptions,
  vouched: Vouched,
): Promise<Omit<FusedMasks, 'objects'> & { objects: GroundedObject[] }> {
  const [ahead, back] = [forward?.objectIds ?? [], backward?.objectIds ?? []]
  const ids = [...new Set([...ahead, ...back])]
  const pairs = ids.map(id => [ahead.indexOf(id), back.indexOf(id)] as const)
  const masks = { forward: forward?.masks ?? [], backward: backward?.masks ?? [] }
  const fused = await work.fuse({ width, height, ...masks, pairs }, options)
  const objects = fused.objects.map(({ mask, agreement }, o) => {
    const [left, right] = pairs[o]!
    const ious = [forward?.ious[left], backward?.ious[right]].filter(iou => iou !== undefined)
    const iou = ious.reduce((sum, iou) => sum + iou, 0) / ious.length
    const [source, trust] =
      left >= 0 && right >= 0
        ? (['fused', 1] as const)
        : (['propagated', left >= 0 ? vouched.forward : vouched.backward] as const)
    return { ...toObject(ids[o]!, mask, iou * trust, source), agreement }
  })
  return { ...fused, objects }
}

function toObject(objectId: number, mask: Mask, score: number, source: MaskSource): GroundedObject {
  const inside = mask.innerPoint()
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
  { objectIds, ious }: NamedEstimate,
  measured: FusedMasks,
  points: readonly { x: number; y: number }[],
): GroundedObject[] {
  return objectIds.map((objectId, o) => {
    const { mask } = measured.objects[o]!
    return { ...toObject(objectId, mask, ious[o]!, 'point'), points: [points[o]!] }
  })
}
