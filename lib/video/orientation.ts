import type { RgbImage } from './pixels.js'

type Step = -1 | 0 | 1

/**
 * One of the eight ways to turn and mirror a picture: the stored pixel (x, y) is shown in column
 * a x + c y and row b x + d y, shifted so that the picture begins at 0, 0.
 */
export interface Orientation {
  a: Step
  b: Step
  c: Step
  d: Step
}

/** Whole turns are stored in 16.16 fixed point; what is nearly one counts as one. */
const ONE = 1 << 16

/**
 * Reads a display matrix: nine 32-bit integers, a b u, c d v, x y w.
 *
 * @returns null for a picture that is shown as it is stored, and for slanted ones, which are left
 * as they are.
 */
export function readDisplayMatrix(bytes: Uint8Array): Orientation | null {
  if (bytes.byteLength < 36) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // FFmpeg hands the matrix over in the byte order of the machine, little-endian on all we run on.
  const steps = [0, 1, 3, 4].map(i => Math.round(view.getInt32(4 * i, true) / ONE))
  const [a, b, c, d] = steps as [Step, Step, Step, Step]
  const turned = a === 0 && d === 0 && Math.abs(b * c) === 1
  const upright = b === 0 && c === 0 && Math.abs(a * d) === 1
  if ((!turned && !upright) || (a === 1 && d === 1)) return null
  return { a, b, c, d }
}

/** The picture as it is to be shown. */
export function orient(image: RgbImage, { a, b, c, d }: Orientation): RgbImage {
  const { data, width, height, pixelAspect = 1 } = image
  const shown =
    a === 0
      ? { width: height, height: width, pixelAspect: 1 / pixelAspect }
      : { width, height, pixelAspect }
  const left = (a < 0 ? width - 1 : 0) + (c < 0 ? height - 1 : 0)
  const top = (b < 0 ? width - 1 : 0) + (d < 0 ? height - 1 : 0)
  const result = new Uint8Array(data.length)
  const step = 3 * (a + b * shown.width)
  for (let y = 0, from = 0; y < height; y++) {
    let to = 3 * (left + c * y + (top + d * y) * shown.width)
    for (let x = 0; x < width; x++, from += 3, to += step) {
      result[to] = data[from]!
      result[to + 1] = data[from + 1]!
      result[to + 2] = data[from + 2]!
    }
  }
  return { data: result, ...shown }
}
