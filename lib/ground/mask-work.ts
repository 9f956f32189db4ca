import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { Mask } from '../formats/mask.js'
import type { FusionStrategy } from './options.js'

export interface Size {
  width: number
  height: number
}

export interface FusionOptions {
  tau: number
  strategy: FusionStrategy
}

/** The masks of one frame as two directions see them, u8 0/1 [height, width] each. */
export interface FrameEstimates extends Size {
  forward: readonly Uint8Array[]
  backward: readonly Uint8Array[]
  /** Per object its place in `forward` and in `backward`, -1 where that direction does not know it. */
  pairs: readonly (readonly [forward: number, backward: number])[]
}

/** A frame's masks, fused by equations 5 and 6 of the paper or another row of its table 5. */
export interface FusedMasks {
  /** Per pair; `agreement` is the IoU of its sides, see FusedMasks.agreement. */
  objects: { mask: Mask; agreement: number }[]
  /** Union over the objects of each direction, null for one without any. */
  directions: { forward: Mask | null; backward: Mask | null }
  /** The frame's mask as the paper has it: the two unions fused. */
  mask: Mask
  /** IoU of the two unions: nothing counts as an empty mask, and two empty ones agree. */
  agreement: number
}

/** Pixels that two masks share and that either holds. */
export interface Overlap {
  intersection: number
  union: number
}

/** The arithmetic of a frame's masks. Calls do not hold up the JavaScript thread. */
export interface MaskWork {
  fuse(estimates: FrameEstimates, options: FusionOptions): Promise<FusedMasks>
  /** Every mask of one list with every one of another: [known][current]. */
  overlaps(
    known: readonly Uint8Array[],
    current: readonly (Mask | Uint8Array)[],
    size: Size,
  ): Promise<Overlap[][]>
}

/** In the engine, where the masks stay. */
export const nativeMaskWork: MaskWork = {
  fuse: async ({ pairs, ...estimates }, options) => {
    const request = { ...estimates, ...options, pairs: Int32Array.from(pairs.flat()) }
    const fused = await typed(() => addon().fuseFrame(request))
    const { objects, mask, forward, backward, agreement } = fused
    return {
      objects: objects.map(object => ({ ...object, mask: new Mask(object.mask) })),
      directions: {
        forward: forward && new Mask(forward),
        backward: backward && new Mask(backward),
      },
      mask: new Mask(mask),
      agreement,
    }
  },
  overlaps: async (known, current, { width, height }) => {
    const sources = current.map(mask => (mask instanceof Mask ? mask.source : mask))
    const request = { width, height, known, current: sources }
    const counts = await typed(() => addon().maskOverlaps(request))
    return known.map((_, k) =>
      current.map((_, c) => {
        const at = 2 * (k * current.length + c)
        return { intersection: counts[at]!, union: counts[at + 1]! }
      }),
    )
  },
}
