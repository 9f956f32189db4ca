import { InvalidArgumentError } from '../engine/errors.js'

/**
 * COCO run lengths of a mask. `size` is [height, width]; `counts` is the compressed string that
 * pycocotools reads and writes.
 */
export interface CocoRle {
  size: [number, number]
  counts: string
}

/**
 * Lengths of the runs of equal value, column by column; the first run is background.
 *
 * @param data u8, non-zero = object, [height, width] row-major.
 */
export function encodeCounts(data: Uint8Array, width: number, height: number): number[] {
  const counts: number[] = []
  let run = 0
  let inside = false
  for (let x = 0; x < width; x++) {
    for (let y = 0, at = x; y < height; y++, at += width) {
      if ((data[at] !== 0) !== inside) {
        counts.push(run)
        run = 0
        inside = !inside
      }
      run++
    }
  }
  counts.push(run)
  return counts
}

/** The mask of run lengths; runs of zero length are allowed anywhere. */
export function decodeCounts(counts: readonly number[], width: number, height: number): Uint8Array {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total !== width * height) {
    throw new InvalidArgumentError(
      `run lengths must add up to ${width * height} for a ${width}x${height} mask, got ${total}`,
    )
  }
  const data = new Uint8Array(width * height)
  let position = 0
  for (const [i, count] of counts.entries()) {
    const end = position + count
    for (; i % 2 === 1 && position < end; position++) {
      data[(position % height) * width + Math.floor(position / height)] = 1
    }
    position = end
  }
  return data
}

/**
 * Counts from the fourth on are written as differences to the count two before, in groups of five
 * bits.
 */
export function compressCounts(counts: readonly number[]): string {
  let text = ''
  for (const [i, count] of counts.entries()) {
    let rest = i > 2 ? count - counts[i - 2]! : count
    for (let more = true; more; ) {
      const group = rest & 31
      rest >>= 5
      more = (group & 16) !== 0 ? rest !== -1 : rest !== 0
      text += String.fromCharCode((more ? group | 32 : group) + 48)
    }
  }
  return text
}

export function expandCounts(text: string): number[] {
  const counts: number[] = []
  for (let at = 0; at < text.length; ) {
    let value = 0
    let shift = 0
    for (let more = true; more; shift += 5) {
      const code = text.charCodeAt(at++) - 48
      if (!(code >= 0 && code < 64)) {
        throw new InvalidArgumentError(`character ${at - 1} of the run-length string is not one`)
      }
      value |= (code & 31) << shift
      more = (code & 32) !== 0
      if (!more && (code & 16) !== 0) value |= -1 << (shift + 5)
    }
    if (counts.length > 2) value += counts[counts.length - 2]!
    counts.push(value)
  }
  return counts
}

export function encodeRle(data: Uint8Array, width: number, height: number): CocoRle {
  return { size: [height, width], counts: compressCounts(encodeCounts(data, width, height)) }
}

/** Reads a compressed string or a plain list of counts. */
export function decodeRle(rle: { size: [number, number]; counts: string | number[] }): Uint8Array {
  const [height, width] = rle.size
  const counts = typeof rle.counts === 'string' ? expandCounts(rle.counts) : rle.counts
  return decodeCounts(counts, width, height)
}
