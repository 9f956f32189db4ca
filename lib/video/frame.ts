import type { OptionNames } from '../options/check.js'
import type { RawFrame, RgbImage } from './pixels.js'

/** One decoded frame: packed 8-bit RGB with its place in the clip. */
export interface Frame extends RgbImage {
  /** From 0, without gaps. */
  index: number
  /** Nanoseconds from the start of the clip (files) or as the caller gave it (raw frames). */
  timeNs: bigint
  /** Milliseconds spent reading, decoding and converting this frame. */
  decodeMs: number
}

/** What a clip can be: a video file, a folder of pictures, a picture, or frames in memory. */
export type ClipSource = string | URL | RawFrame | Iterable<RawFrame> | AsyncIterable<RawFrame>

export interface ClipOptions {
  /**
   * Turn pictures as their EXIF mark says. Default false, as the reference reads them. Videos are
   * always turned as their container says.
   */
  exifOrientation?: boolean
}

export const CLIP_OPTIONS: OptionNames<ClipOptions> = { exifOrientation: true }

/** Frames in order. Iterate once; `reopen` starts again where the source allows it. */
export interface FrameSource extends AsyncIterable<Frame> {
  /**
   * As the container or folder says it, null when unknown. The real end is the end of the
   * iteration.
   */
  readonly frameCount: number | null
  /** Frames per second, null when unknown. */
  readonly frameRate: number | null
  /** File name for messages and outputs. */
  readonly name: string
  /** Opens a second source over the same frames; null for frames that can be read only once. */
  readonly reopen: (() => Promise<FrameSource>) | null
}
