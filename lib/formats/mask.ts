import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { AddonGivenMask, AddonMaskHandle } from '../engine/masks-addon.js'
import { maskToPolygons, type Polygon } from './polygons.js'
import { type CocoRle, encodeRle } from './rle.js'

/** Pixels x .. x + width - 1, y .. y + height - 1. */
export interface Box {
  x: number
  y: number
  width: number
  height: number
}

/**
 * A binary mask of a frame. Those that the library gives lie in the engine, packed, and are not to
 * be changed; their bytes are made when `data` is read first.
 */
export class Mask {
  readonly width: number
  readonly height: number
  /** Whether it was made of bytes, which may still change. */
  readonly #given: boolean
  #data: Uint8Array | undefined
  /** Where the mask lies; of given bytes a copy that is measured, once. */
  #native: AddonMaskHandle | undefined

  /** @param data u8 0/1, [height, width] row-major. */
  constructor(data: Uint8Array, width: number, height: number)
  /** @internal */
  constructor(native: AddonMaskHandle)
  constructor(mask: AddonGivenMask, width?: number, height?: number) {
    this.#given = mask instanceof Uint8Array
    if (mask instanceof Uint8Array) this.#data = mask
    else this.#native = mask
    this.width = width ?? this.#native!.width
    this.height = height ?? this.#native!.height
  }

  /** u8 0/1, [height, width] row-major. */
  get data(): Uint8Array {
    this.#data ??= this.#native!.bytes()
    return this.#data
  }

  /**
   * As the engine's jobs take it.
   *
   * @internal
   */
  get source(): AddonGivenMask {
    return this.#given ? this.#data! : this.#native!
  }

  /** Pixels set. */
  get area(): number {
    return this.#measured().area
  }

  /** Smallest box that holds every set pixel, null for an empty mask. */
  get box(): Box | null {
    return this.#measured().box
  }

  /**
   * A pixel deep inside the mask: the one farthest from its rim in city-block steps (the first in
   * reading order on a tie). Null for an empty mask.
   */
  innerPoint(): { x: number; y: number } | null {
    return this.#measured().innerPoint()
  }

  /** COCO run-length encoding, as pycocotools writes it. */
  toRLE(): CocoRle {
    const { width, height } = this
    if (this.#given) return encodeRle(this.data, width, height)
    return { size: [height, width], counts: this.#native!.counts() }
  }

  /** Outlines along pixel edges, holes included; exact under the even-odd rule. */
  toPolygons(): Polygon[] {
    return maskToPolygons(this.data, this.width, this.height)
  }

  #measured(): AddonMaskHandle {
    const { width, height } = this
    this.#native ??= typed(() => addon().packMask({ data: this.#data!, width, height }))
    return this.#native
  }
}
