import type { Mask } from '../formats/mask.js'
import type { TrackFrame, TrackObject } from '../formats/track-frame.js'
import type { OptionNames } from '../options/check.js'
import { CLIP_OPTIONS, type ClipOptions } from '../video/frame.js'

/** Objects are called by the caller's own numbers or names. */
export type ObjectId = number | string

export interface SegmenterVideoOptions extends ClipOptions {
  /** Holes of at most this many low-resolution pixels are filled; 0 switches it off. Default 8. */
  fillHoleArea?: number
  /** Give every pixel to at most one object. Default false. */
  nonOverlapMasks?: boolean
  /**
   * Keep a correction when a later pass crosses its frame. Default true; false is what the
   * reference does, where a correction only influences frames that are tracked from there.
   */
  keepCorrections?: boolean
}

export interface PromptOptions {
  /** Forget earlier points of this object on this frame. Default true. */
  clearOldPoints?: boolean
  signal?: AbortSignal
}

export interface PropagateOptions {
  /** Default: the first prompted frame. */
  startFrame?: number
  /**
   * Frames to go from the start at most; one more is given, the start itself. Default: to the end.
   */
  maxFrames?: number
  /** 'both': forward to the end, then backward from the start. Default 'forward'. */
  direction?: 'forward' | 'backward' | 'both'
  signal?: AbortSignal
}

/** Of a call that can be stopped. */
export interface CallOptions {
  signal?: AbortSignal
}

export interface RemoveOptions {
  /** An unknown object is an error. Default false. */
  strict?: boolean
}

export const SEGMENTER_VIDEO_OPTIONS: OptionNames<SegmenterVideoOptions> = {
  ...CLIP_OPTIONS,
  fillHoleArea: true,
  nonOverlapMasks: true,
  keepCorrections: true,
}
export const CALL_OPTIONS: OptionNames<CallOptions> = { signal: true }
export const PROMPT_OPTIONS: OptionNames<PromptOptions> = { ...CALL_OPTIONS, clearOldPoints: true }
export const PROPAGATE_OPTIONS: OptionNames<PropagateOptions> = {
  ...CALL_OPTIONS,
  startFrame: true,
  maxFrames: true,
  direction: true,
}
export const REMOVE_OPTIONS: OptionNames<RemoveOptions> = { strict: true }

export interface SegmentedObject extends TrackObject {
  /** Whether the model sees the object in this frame. */
  visible: boolean
}

export interface SegmentedFrame extends TrackFrame {
  /** Union over the objects. */
  mask: Mask
  objects: SegmentedObject[]
}
