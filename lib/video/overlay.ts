import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { AddonGivenMask } from '../engine/masks-addon.js'
import { objectColor } from './colors.js'
import type { RgbImage } from './pixels.js'

/** What an overlay shows of one object. */
export interface OverlayObject {
  objectId: number
  mask: AddonGivenMask | null
  points: readonly { x: number; y: number }[]
}

/** 3 x 5 digits, one row of three bits per entry, top to bottom. */
const DIGITS: readonly (readonly number[])[] = [
  [7, 5, 5, 5, 7],
  [2, 6, 2, 2, 7],
  [7, 1, 7, 4, 7],
  [7, 1, 7, 1, 7],
  [5, 5, 7, 1, 1],
  [7, 4, 7, 1, 7],
  [7, 4, 7, 5, 7],
  [7, 1, 2, 2, 2],
  [7, 5, 7, 5, 7],
  [7, 5, 7, 1, 7],
]

type Color = readonly [number, number, number]

function setPixel(image: RgbImage, x: number, y: number, color: Color): void {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return
  image.data.set(color, (y * image.width + x) * 3)
}

function fillRect(image: RgbImage, x: number, y: number, w: number, h: number, color: Color) {
  for (let dy = 0; dy < h; dy++) {
    for (let dx = 0; dx < w; dx++) setPixel(image, x + dx, y + dy, color)
  }
}

function drawMarker(image: RgbImage, x: number, y: number, radius: number, color: Color): void {
  for (let dy = -radius - 1; dy <= radius + 1; dy++) {
    for (let dx = -radius - 1; dx <= radius + 1; dx++) {
      const distance = Math.hypot(dx, dy)
      if (distance <= radius - 1) setPixel(image, x + dx, y + dy, color)
      else if (distance <= radius + 1) setPixel(image, x + dx, y + dy, [255, 255, 255])
    }
  }
}

function drawNumber(image: RgbImage, x: number, y: number, value: number, scale: number): void {
  const digits = [...String(value)].map(Number)
  fillRect(image, x - scale, y - scale, (digits.length * 4 + 1) * scale, 7 * scale, [0, 0, 0])
  for (const [place, digit] of digits.entries()) {
    for (const [row, bits] of DIGITS[digit]!.entries()) {
      for (let column = 0; column < 3; column++) {
        if (!(bits & (4 >> column))) continue
        const left = x + (place * 4 + column) * scale
        fillRect(image, left, y + row * scale, scale, scale, [255, 255, 255])
      }
    }
  }
}

/**
 * The frame with every object's mask tinted and its points and number drawn; the input stays as it
 * is.
 */
export async function drawOverlay(
  frame: RgbImage,
  objects: readonly OverlayObject[],
): Promise<RgbImage> {
  const { width, height } = frame
  const tinted = objects.flatMap(({ objectId, mask }) => (mask ? [{ objectId, mask }] : []))
  const masks = tinted.map(({ mask }) => mask)
  const colors = Uint8Array.from(tinted.flatMap(({ objectId }) => objectColor(objectId)))
  const data = await typed(() => addon().tintMasks({ ...frame, masks, colors }))
  const image = { data, width, height }
  const scale = Math.max(1, Math.round(Math.min(width, height) / 240))
  for (const { objectId, points } of objects) {
    for (const point of points) {
      const [x, y] = [Math.round(point.x), Math.round(point.y)]
      drawMarker(image, x, y, 3 * scale, objectColor(objectId))
      drawNumber(image, x + 5 * scale, y - 2 * scale, objectId, scale)
    }
  }
  return image
}
