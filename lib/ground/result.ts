import type { Box, Mask } from '../formats/mask.js'
import type { Point, TrackFrame, TrackObject } from '../formats/track-frame.js'
import type { AnswerStats, Timings } from './models.js'

export interface GroundedObject extends TrackObject {
  /** From 1; the same object keeps its number across keyframes. */
  objectId: number
  /**
   * The pointer's points on a keyframe; elsewhere one point deep inside the mask (none if it is
   * empty).
   */
  points: Point[]
  box: Box | null
  /**
   * Predicted IoU of the mask, 0..1; the mean of both directions where both gave one. An object that
   * only one of the two keyframes around a frame names loses it evenly on the way to the other one,
   * and has none left at a keyframe that found nothing and behind it.
   */
  score: number
  /** Whether the mask holds any pixel. */
  visible: boolean
  /** As the frame's `agreement`, for this object alone; 0 where only one direction knows it. */
  agreement: number | null
}

export interface GroundResult extends TrackFrame {
  /** Whether the pointer was asked on this frame. */
  keyframe: boolean
  /** The pointer's answer on a keyframe, else null. */
  answer: string | null
  /** What the language model did for the answer, on a keyframe: steps, tokens of the draft that were right. */
  stats: AnswerStats | null
  objects: GroundedObject[]
  /**
   * The frame's mask as the paper evaluates it: the union over the objects of each direction, then
   * fused. It can differ from the union of `objects`, which are fused one by one.
   */
  mask: Mask
  /**
   * What each direction alone says of the frame, the union over its objects, before fusion; null
   * where nothing arrived. Null as a whole on an answered keyframe, which keeps its own masks.
   */
  directions: { forward: Mask | null; backward: Mask | null } | null
  /**
   * IoU of the two directions before fusion, 0..1, on frames between two keyframes; a direction
   * that found nothing counts as an empty mask, and two empty ones agree. Null on answered keyframes
   * and after the last keyframe. Low values are where to look first; see `ReviewList`.
   */
  agreement: number | null
  /** False for a first estimate of a 'lag' session that a fused result will replace. */
  final: boolean
  timings: Timings
}
