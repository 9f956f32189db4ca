import { InvalidArgumentError, typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { MAX_FRAME_SIDE } from '../video/pixels.js'

/** What the engine counts pixels with. */
const MOST_PIXELS = 2 ** 32 - 1

/**
 * COCO run lengths of a mask. `size` is [height, width]; `counts` is the compressed string that
 * pycocotools reads and writes.
 */
export interface CocoRle {
  size: [height: number, width: number]
  counts: string
}

/** What other writers use too: a plain list of counts, or the string as bytes. */
export interface AnyRle {
  size: readonly [height: number, width: number]
  counts: string | readonly number[] | Uint8Array
}

/**
 * Lengths of the runs of equal value, column by column; the first run is background, and 0 where
 * the first pixel is set. No other run is 0.
 *
 * @param data u8, non-zero = object, [height, width] row-major.
 */
export function encodeCounts(data: Uint8Array, width: number, height: number): Uint32Array {
  return typed(() => addon().encodeRle({ data, width, height }))
}

/**
 * The mask of run lengths, u8 0/1; runs of zero length are allowed anywhere.
 *
 * @throws INVALID_ARGUMENT unless the sides are those of a frame and the runs add up to width * height.
 */
export function decodeCounts(counts: ArrayLike<number>, width: number, height: number): Uint8Array {
  for (const side of [width, height]) {
    if (Number.isInteger(side) && side >= 0 && side <= MAX_FRAME_SIDE) continue
    throw new InvalidArgumentError(
      `a mask's sides must lie in 0..${MAX_FRAME_SIDE}, got ${width}x${height}`,
    )
  }
  checkCounts(counts, width, height)
  return typed(() => addon().decodeRle(Uint32Array.from(counts), width, height))
}

/** @throws INVALID_ARGUMENT unless the runs are whole numbers of pixels that fill the mask. */
export function checkCounts(counts: ArrayLike<number>, width: number, height: number): void {
  let total = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (!Number.isInteger(count) || count < 0 || count > MOST_PIXELS) {
      throw new InvalidArgumentError(
        `run ${i} must be a whole number of pixels from 0 to 2^32 - 1, got ${count}`,
      )
    }
    total += count
  }
  if (total === width * height) return
  throw new InvalidArgumentError(
    `run lengths must add up to ${width * height} for a ${width}x${height} mask, got ${total}`,
  )
}

/**
 * Counts from the fourth on are written as differences to the count two before, in groups of five
 * bits.
 */
export function compressCounts(counts: ArrayLike<number>): string {
  let text = ''
  for (let i = 0; i < counts.length; i++) {
    let rest = counts[i]! - (i > 2 ? counts[i - 2]! : 0)
    for (let more = true; more; ) {
      const group = rest & 31
      rest >>= 5
      more = (group & 16) !== 0 ? rest !== -1 : rest !== 0
      text += String.fromCharCode((more ? group | 32 : group) + 48)
    }
  }
  return text
}

/** @throws INVALID_ARGUMENT for characters that no writer uses, and for counts below 0. */
export function expandCounts(text: string): number[] {
  const counts: number[] = []
  for (let at = 0; at < text.length; ) {
    let value = 0
    let shift = 0
    for (let more = true; more; shift += 5) {
      const code = text.charCodeAt(at++) - 48
      if (!(code >= 0 && code < 64) || shift > 30) {
        throw new InvalidArgumentError(
          `character ${at - 1} of the run-length string "${excerpt(text)}" does not belong there`,
        )
      }
      value |= (code & 31) << shift
      more = (code & 32) !== 0
      if (!more && (code & 16) !== 0 && shift < 25) value |= -1 << (shift + 5)
    }
    if (counts.length > 2) value += counts[counts.length - 2]!
    if (value < 0) {
      throw new InvalidArgumentError(
        `run ${counts.length} of the run-length string "${excerpt(text)}" is below 0`,
      )
    }
    counts.push(value)
  }
  return counts
}

const excerpt = (text: string) => (text.length > 40 ? `${text.slice(0, 40)}...` : text)

/** The run lengths of any form. */
export function countsOf({ counts }: AnyRle): ArrayLike<number> {
  if (typeof counts === 'string') return expandCounts(counts)
  if (counts instanceof Uint8Array) return expandCounts(Buffer.from(counts).toString('latin1'))
  return counts
}

/** Encodes a mask, u8 [height, width] row-major, any value but 0 is object. */
export function encodeRle(data: Uint8Array, width: number, height: number): CocoRle {
  return { size: [height, width], counts: compressCounts(encodeCounts(data, width, height)) }
}

/**
 * Reads a compressed string, its bytes, or a plain list of counts.
 *
 * @returns u8 0/1, [height, width] row-major.
 * @throws INVALID_ARGUMENT for a broken string, or runs that do not add up to the size.
 */
export function decodeRle(rle: AnyRle): Uint8Array {
  const [height, width] = rle.size
  return decodeCounts(countsOf(rle), width, height)
}
