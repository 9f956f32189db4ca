import type { OptionNames } from '../options/check.js'
import type { RawFrame, RgbImage } from './pixels.js'
import type { ClipWarning } from './warning.js'

/** One decoded frame: packed 8-bit RGB with its place in the clip. */
export interface Frame extends RgbImage {
  /** From 0, without gaps. */
  index: number
  /** Nanoseconds from the start of the clip (files) or as the caller gave it (raw frames). */
  timeNs: bigint
  /** Milliseconds spent reading, decoding and converting this frame. */
  decodeMs: number
}

/** A video on the network; it is read once, from where it stands. */
export interface UrlSource {
  /** Of a protocol that FFmpeg knows: rtsp, http, srt and others, but not of this machine's files. */
  url: string
}

/**
 * What a clip can be: a video file, a folder of pictures, a picture, a video on the network, or
 * frames in memory. A string is a path, whatever it looks like.
 */
export type ClipSource =
  | string
  | URL
  | UrlSource
  | RawFrame
  | Iterable<RawFrame>
  | AsyncIterable<RawFrame>

export interface PictureOptions {
  /**
   * Turn pictures as their EXIF mark says. Default false, as the reference reads them. Videos are
   * always turned as their container or stream says.
   */
  exifOrientation?: boolean
}

export const PICTURE_OPTIONS: OptionNames<PictureOptions> = { exifOrientation: true }

export interface ClipOptions extends PictureOptions {
  /**
   * What happens where a video is damaged or ends early: 'skip' (default) gives every frame that can
   * be decoded and a warning, 'fail' raises DECODE_FAILED after the frames before the damage.
   */
  onDecodeError?: 'skip' | 'fail'
  /**
   * Takes what is to be said of a clip that can be read all the same. Default: a warning of the
   * process (`process.emitWarning`).
   */
  onWarning?: (warning: ClipWarning) => void
}

export const CLIP_OPTIONS: OptionNames<ClipOptions> = {
  ...PICTURE_OPTIONS,
  onDecodeError: true,
  onWarning: true,
}

/** How far a clip can be read. */
export interface ClipExtent {
  frameCount: number
  /** What is raised behind the last frame; null where the clip ends there. */
  failure: unknown
}

/** Frames by number, of a source that can be read more than once. */
export interface FrameAccess {
  /**
   * Reads the clip through where its length is not sure: a header is a hint, so files are decoded.
   *
   * @throws what the iteration throws where it gives no frame at all.
   */
  count(): Promise<ClipExtent>
  /** Where reading towards frame `index` begins: at most `index`, nearer after `count`. */
  startFor(index: number): number
  /** Frames from `start` on, which is 0 or a number that `startFor` gave. */
  from(start: number): AsyncIterable<Frame>
}

/** Frames in order. */
export interface FrameSource extends AsyncIterable<Frame> {
  /** Null where only the end of the iteration tells, as with files. */
  readonly frameCount: number | null
  /** Frames that a header promises, for progress alone; null when unknown. */
  readonly expectedFrames: number | null
  /** Frames per second, null when unknown. */
  readonly frameRate: number | null
  /** File name for messages and outputs. */
  readonly name: string
  /** Null for frames that can be read only once. */
  readonly access: FrameAccess | null
}
