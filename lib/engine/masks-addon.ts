import type { FusionStrategy } from './public-types.js'

/** A mask that lies in the engine; made by its jobs. Nothing is to be disposed. */
export interface AddonMaskHandle {
  readonly width: number
  readonly height: number
  /** Pixels set. */
  readonly area: number
  readonly box: { x: number; y: number; width: number; height: number } | null
  /** The pixel farthest from the mask's rim in city-block steps, the first in reading order. */
  innerPoint(): { x: number; y: number } | null
  /** COCO's run lengths as their compressed text. */
  counts(): string
  /** u8 0/1, [height, width]; a new array by each call. */
  bytes(): Uint8Array
}

/** A mask that a job reads: a handle, or u8 [height, width], borrowed until the job is done. */
export type AddonGivenMask = AddonMaskHandle | Uint8Array

export interface AddonFuseRequest {
  width: number
  height: number
  forward: readonly AddonGivenMask[]
  backward: readonly AddonGivenMask[]
  /** Per object its place in `forward` and in `backward`, -1 where that direction does not know it. */
  pairs: Int32Array
  tau: number
  strategy: FusionStrategy
}

export interface AddonFusedFrame {
  /** One per pair: both sides fused, and their IoU; an unknown side counts as an empty mask. */
  objects: { mask: AddonMaskHandle; agreement: number }[]
  /** The union over each direction, null for one without masks, and the two fused. */
  forward: AddonMaskHandle | null
  backward: AddonMaskHandle | null
  mask: AddonMaskHandle
  /** IoU of the two unions. */
  agreement: number
}

/** Work on all masks of a frame at once, each call one job beside the JavaScript thread. */
export interface AddonMaskJobs {
  fuseFrame(request: AddonFuseRequest): Promise<AddonFusedFrame>
  /** Pixels in both and in either, [known, current, 2]. */
  maskOverlaps(request: {
    width: number
    height: number
    known: readonly AddonGivenMask[]
    current: readonly AddonGivenMask[]
  }): Promise<Float64Array>
  /**
   * Numbers of masks by pixel as the lines of a PNG: a 0, then one byte a pixel, or two (`wide`) with
   * the higher first. 0 is background; where masks overlap the first of them shows.
   */
  labelLines(request: {
    width: number
    height: number
    masks: readonly AddonGivenMask[]
    /** One for each mask, up to 255 or, `wide`, 65535. */
    numbers: Uint32Array
    wide: boolean
  }): Promise<Uint8Array>
  /** The picture, packed RGB, with a colour mixed into it for each mask; later ones lie on top. */
  tintMasks(request: {
    data: Uint8Array
    width: number
    height: number
    masks: readonly AddonGivenMask[]
    /** Red, green and blue of each mask. */
    colors: Uint8Array
  }): Promise<Uint8Array>
  /** A handle of bytes, at once. */
  packMask(mask: { data: Uint8Array; width: number; height: number }): AddonMaskHandle
}
