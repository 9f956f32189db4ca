import type { RgbImage } from '../video/pixels.js'
import type { Point, Timings } from './models.js'

/** What a segmenter computed of one frame, shared by all tracks that cross it. */
export interface FrameFeatures {
  /** Called once, when the frame's masks are final. */
  dispose(): void
}

export interface TrackOptions {
  /** Size of the clip's frames in pixels. */
  width: number
  height: number
  /** Frames of the clip; 0 when unknown or long enough not to matter. */
  frameCount: number
  /** The track walks towards the start of the clip. */
  reverse: boolean
}

/** The masks of a track's objects in one frame; object o belongs to the o-th point. */
export interface TrackedMasks {
  /** u8 0/1 [height, width] per object; all 0 where the object is not seen. */
  masks: Uint8Array[]
  /** Predicted IoU per object, 0..1. */
  ious: ArrayLike<number>
  /** Milliseconds per stage, for `GroundResult.timings`. */
  times?: Timings
}

export interface SegmenterCall {
  /** Fires when the caller gave up; the call should then reject soon. */
  signal: AbortSignal
}

/**
 * Objects that were clicked on one keyframe and are followed from there in one direction. Calls do
 * not overlap, and every frame on the way is visited in turn.
 */
export interface ObjectTrack<Features extends FrameFeatures = FrameFeatures> {
  /** Takes one positive click per object, in pixels, and gives the masks of the clicked frame. */
  start(
    frameIndex: number,
    features: Features,
    points: readonly Point[],
    call: SegmenterCall,
  ): Promise<TrackedMasks>
  /** Masks of the next frame: frameIndex + 1, or - 1 where the track is reversed. */
  step(frameIndex: number, features: Features, call: SegmenterCall): Promise<TrackedMasks>
  dispose(): void
}

/**
 * A segmenter that grounding can work with (table 15 of the paper): SAM 2 with its memory,
 * SAM 2 frame by frame, or the caller's own.
 */
export interface ClipSegmenter<Features extends FrameFeatures = FrameFeatures> {
  /** Called at most once per frame and clip. */
  encode(image: RgbImage, call: SegmenterCall): Promise<{ features: Features; times?: Timings }>
  /** Opens a track with a memory of its own: nothing of another track may leak into it. */
  openTrack(options: TrackOptions): ObjectTrack<Features>
}

/** How our own segmenter follows objects: with SAM 2's memory, or without any. */
export const TRACKING = ['memory', 'per-frame'] as const
export type Tracking = (typeof TRACKING)[number]
