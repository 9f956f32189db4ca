import type { RgbImage } from '../video/pixels.js'

/** A picture with detail everywhere, the same for the same seed. */
export function testPicture(width: number, height: number, seed = 1): RgbImage {
  const data = new Uint8Array(width * height * 3)
  let state = seed
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = (((i / 3) % width) / width) * 128 + (state >>> 25)
  }
  return { data, width, height }
}
