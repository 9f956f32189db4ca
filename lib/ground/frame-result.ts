import type { Mask } from '../formats/mask.js'
import type { PointerAnswer } from './models.js'
import type { GroundResult } from './result.js'
import type { FrameSlot } from './slot.js'

/** A frame's result without what only fused frames have. */
export function toResult(
  slot: FrameSlot,
  answer: PointerAnswer | null,
  objects: GroundResult['objects'],
  mask: Mask,
  final: boolean,
): GroundResult {
  const { index: frameIndex, timeNs, width, height, data, pixelAspect = 1 } = slot.frame
  return {
    frameIndex,
    timeNs,
    width,
    height,
    image: { data, width, height, pixelAspect },
    keyframe: answer !== null,
    answer: answer?.text ?? null,
    stats: answer?.stats ?? null,
    objects,
    mask,
    directions: null,
    agreement: null,
    final,
    timings: { ...slot.timings },
  }
}
