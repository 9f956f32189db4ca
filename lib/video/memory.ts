import { InvalidArgumentError } from '../engine/errors.js'
import type { Frame, FrameSource } from './frame.js'
import { type RawFrame, toRgb } from './pixels.js'

const DEFAULT_INTERVAL_NS = 1_000_000_000n / 30n

function frameTime(raw: RawFrame, index: number): bigint {
  const { timeNs } = raw
  if (timeNs === undefined) return BigInt(index) * DEFAULT_INTERVAL_NS
  if (typeof timeNs === 'bigint') return timeNs
  if (Number.isFinite(timeNs)) return BigInt(Math.round(timeNs))
  throw new InvalidArgumentError(`frame ${index}: timeNs must be a finite number, got ${timeNs}`)
}

/**
 * A source over raw frames; arrays can be read again, other iterables once. Every frame is checked and
 * copied as it is taken, so that a camera may reuse its buffer.
 */
export function openRawFrames(raws: Iterable<RawFrame> | AsyncIterable<RawFrame>): FrameSource {
  const array = Array.isArray(raws) ? (raws as readonly RawFrame[]) : null
  const frameCount = array?.length ?? null
  let first: { width: number; height: number } | undefined
  async function* converted(
    frames: Iterable<RawFrame> | AsyncIterable<RawFrame>,
    start: number,
  ): AsyncGenerator<Frame> {
    let index = start
    let since = performance.now()
    for await (const raw of frames) {
      const image = toRgb(raw, `frame ${index}`)
      first ??= { width: image.width, height: image.height }
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
  return {
    frameCount,
    expectedFrames: frameCount,
    frameRate: null,
    name: 'frames',
    access: array && {
      count: () => Promise.resolve({ frameCount: array.length, failure: null }),
      startFor: index => index,
      from: start => converted(array.slice(start), start),
    },
    [Symbol.asyncIterator]: () => converted(raws, 0),
  }
}
