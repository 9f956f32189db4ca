import { objectColor } from './colors.js'
import type { RgbImage } from './pixels.js'

/** What an overlay shows of one object. */
export interface OverlayObject {
  objectId: number
  /** u8 0/1, [height, width]. */
  mask: Uint8Array | null
  points: readonly { x: number; y: number }[]
}

const TINT = 0.45

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

function tintMask(image: RgbImage, mask: Uint8Array, color: Color): void {
  const { data, width, height } = image
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!mask[at]) continue
      const rim =
        !mask[at - 1] || !mask[at + 1] || !mask[at - width] || !mask[at + width] || x === 0
      const share = rim ? 1 : TINT
      for (let c = 0; c < 3; c++) {
        data[at * 3 + c] = data[at * 3 + c]! * (1 - share) + color[c]! * share
      }
    }
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
export function drawOverlay(frame: RgbImage, objects: readonly OverlayObject[]): RgbImage {
  const image = { data: frame.data.slice(), width: frame.width, height: frame.height }
  const scale = Math.max(1, Math.round(Math.min(image.width, image.height) / 240))
  for (const { objectId, mask } of objects) {
    if (mask) tintMask(image, mask, objectColor(objectId))
  }
  for (const { objectId, points } of objects) {
    for (const point of points) {
      const [x, y] = [Math.round(point.x), Math.round(point.y)]
      drawMarker(image, x, y, 3 * scale, objectColor(objectId))
      drawNumber(image, x + 5 * scale, y - 2 * scale, objectId, scale)
    }
  }
  return image
}
