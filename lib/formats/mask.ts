import { maskToPolygons, type Polygon } from './polygons.js'
import { type CocoRle, encodeRle } from './rle.js'

/** Pixels x .. x + width - 1, y .. y + height - 1. */
export interface Box {
  x: number
  y: number
  width: number
  height: number
}

/** A binary mask of a frame. */
export class Mask {
  /** u8 0/1, [height, width] row-major. */
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  #measured: { area: number; box: Box | null } | undefined

  constructor(data: Uint8Array, width: number, height: number) {
    this.data = data
    this.width = width
    this.height = height
  }

  /** Pixels set. */
  get area(): number {
    return this.#measure().area
  }

  /** Smallest box that holds every set pixel, null for an empty mask. */
  get box(): Box | null {
    return this.#measure().box
  }

  /** COCO run-length encoding, as pycocotools writes it. */
  toRLE(): CocoRle {
    return encodeRle(this.data, this.width, this.height)
  }

  /** Outlines along pixel edges, holes included; exact under the even-odd rule. */
  toPolygons(): Polygon[] {
    return maskToPolygons(this.data, this.width, this.height)
  }

  #measure(): { area: number; box: Box | null } {
    this.#measured ??= measure(this.data, this.width, this.height)
    return this.#measured
  }
}

function measure(data: Uint8Array, width: number, height: number) {
  let [area, left, right, top, bottom] = [0, width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width)
    const first = row.indexOf(1)
    if (first < 0) continue
    const last = row.lastIndexOf(1)
    for (let x = first; x <= last; x++) area += row[x]!
    left = Math.min(left, first)
    right = Math.max(right, last)
    top = Math.min(top, y)
    bottom = y
  }
  if (area === 0) return { area, box: null }
  return { area, box: { x: left, y: top, width: right - left + 1, height: bottom - top + 1 } }
}
