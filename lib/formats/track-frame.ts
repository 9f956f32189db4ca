import { InvalidArgumentError } from '../engine/errors.js'
import type { RgbImage } from '../video/pixels.js'
import { Mask } from './mask.js'

/** Pixels of the original frame; x to the right, y down. */
export interface Point {
  x: number
  y: number
}

/**
 * Where an object's mask in a frame comes from: from points, boxes or masks that were given on this
 * very frame ('point': the pointer's own on a keyframe, the caller's on a prompted one), from one
 * neighbouring frame of that kind ('propagated') or from both ('fused').
 */
export type MaskSource = 'point' | 'propagated' | 'fused'

/** An object in one frame. */
export interface TrackObject {
  /** A number from 1, or the caller's own name; the same object keeps it through the clip. */
  objectId: number | string
  mask: Mask
  /**
   * The points that were given for the object on this frame; elsewhere one point deep inside the
   * mask (none if it is empty).
   */
  points: Point[]
  /** Predicted IoU of the mask, 0..1. */
  score: number
  /** Whether the object is seen in this frame. */
  visible: boolean
  source: MaskSource
  /** IoU of what two directions of propagation said, null or absent where only one can speak. */
  agreement?: number | null
}

/**
 * A frame of a clip and its objects: what grounding and segmentation give, and all that outputs are
 * written from (`Sink`).
 */
export interface TrackFrame {
  frameIndex: number
  /** Nanoseconds, as the source gave it. */
  timeNs: bigint
  width: number
  height: number
  /** The frame's pixels, packed RGB. */
  image: RgbImage
  objects: TrackObject[]
  /** The frame's mask, where it is more than the union of its objects' masks. */
  mask?: Mask
  /** As the objects' `agreement`, for the frame. */
  agreement?: number | null
  /** False for a first estimate that another result of the frame will replace. */
  final?: boolean
}

/** The frame's mask: its own, else the pixels that any of its objects holds. */
export function maskOf({ mask, objects, width, height }: TrackFrame): Mask {
  if (mask) return mask
  const union = new Uint8Array(width * height)
  for (const { mask } of objects) {
    const { data } = mask
    for (let i = 0; i < union.length; i++) union[i]! |= data[i]!
  }
  return new Mask(union, width, height)
}

/**
 * The number of an object, for formats that have no names.
 *
 * @throws INVALID_ARGUMENT for a name.
 */
export function numberOf({ objectId }: TrackObject, format: string): number {
  if (Number.isInteger(objectId) && Number(objectId) > 0) return Number(objectId)
  throw new InvalidArgumentError(
    `${format} needs objects with whole numbers from 1, got ${JSON.stringify(objectId)}`,
  )
}
