import { InvalidArgumentError } from '../engine/errors.js'
import type { Frame, FrameSource } from './frame.js'
import { type RawFrame, type RgbImage, toRgb } from './pixels.js'

const DEFAULT_INTERVAL_NS = 1_000_000_000n / 30n

function frameTime(raw: RawFrame, index: number): bigint {
  const { timeNs } = raw
  if (timeNs === undefined) return BigInt(index) * DEFAULT_INTERVAL_NS
  if (typeof timeNs === 'bigint') return timeNs
  if (Number.isFinite(timeNs)) return BigInt(Math.round(timeNs))
  throw new InvalidArgumentError(`frame ${index}: timeNs must be a finite number, got ${timeNs}`)
}

/**
 * Frames from memory. Every frame is checked and copied as it is taken, so that a camera may reuse
 * its buffer.
 */
async function* converted(
  raws: Iterable<RawFrame> | AsyncIterable<RawFrame>,
): AsyncGenerator<Frame> {
  let index = 0
  let first: RgbImage | undefined
  let since = performance.now()
  for await (const raw of raws) {
    const image = toRgb(raw, `frame ${index}`)
    first ??= image
    if (image.width !== first.width || image.height !== first.height) {
      throw new InvalidArgumentError(
        `frame ${index} is ${image.width}x${image.height}, but the first frame is ${first.width}x${first.height}; all frames must have one size`,
      )
    }
    yield { ...image, index, timeNs: frameTime(raw, index), decodeMs: performance.now() - since }
    index++
    since = performance.now()
  }
}

/** A source over raw frames; arrays can be read again, other iterables once. */
export function openRawFrames(raws: Iterable<RawFrame> | AsyncIterable<RawFrame>): FrameSource {
  return {
    frameCount: Array.isArray(raws) ? raws.length : null,
    frameRate: null,
    name: 'frames',
    reopen: Array.isArray(raws) ? () => Promise.resolve(openRawFrames(raws)) : null,
    [Symbol.asyncIterator]: () => converted(raws),
  }
}
