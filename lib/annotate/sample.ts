import type { Point } from '../ground/models.js'

/**
 * Points drawn from a mask with probability proportional to their distance to its rim (equation 7
 * of the paper): for every u the first pixel, row by row, at which the running sum of the weights
 * exceeds u times their total. Where every pixel lies on the rim all are equally likely.
 *
 * @param distances squared distance of every pixel to the rim, -1 outside the mask, [height, width].
 * @param draws numbers in [0, 1).
 * @returns one point per draw, repeats included; none for an empty mask.
 */
export function drawPoints(
  distances: Int32Array,
  width: number,
  draws: readonly number[],
): Point[] {
  const pixels = inside(distances)
  if (pixels.length === 0) return []
  const deep = pixels.some(at => distances[at]! > 0)
  const sums = new Float64Array(pixels.length)
  let total = 0
  for (const [i, at] of pixels.entries()) {
    total += deep ? Math.sqrt(distances[at]!) : 1
    sums[i] = total
  }
  return draws.map(u => {
    const at = pixels[firstAbove(sums, u * total)]!
    return { x: at % width, y: Math.floor(at / width) }
  })
}

/** Places of the mask's pixels. */
function inside(distances: Int32Array): Uint32Array {
  let count = 0
  for (const distance of distances) if (distance >= 0) count++
  const pixels = new Uint32Array(count)
  for (let at = 0, i = 0; at < distances.length; at++) if (distances[at]! >= 0) pixels[i++] = at
  return pixels
}

function firstAbove(sums: Float64Array, value: number): number {
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Numbers in [0, 1) that a name determines, equal on every machine: FNV-1a of the name, then
 * murmur3's finaliser over a Weyl sequence, 24 bits each.
 */
export function uniformDraws(name: string, count: number): number[] {
  let seed = 0x811c9dc5
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193)
  return Array.from({ length: count }, (_, i) => {
    let hash = seed + Math.imul(i, 0x9e3779b9)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return ((hash ^ (hash >>> 16)) >>> 8) / 2 ** 24
  })
}
