import type { Addon, AddonCancel } from '../engine/addon.js'
import type { RgbImage } from '../video/pixels.js'
import type { ClipSegmenter } from './segmenter.js'

/** Pixels of the original frame; x to the right, y down. */
export interface Point {
  x: number
  y: number
}

/** Milliseconds per stage. */
export type Timings = Record<string, number>

/** What the pointer said about one frame. */
export interface PointAnswer {
  frameIndex: number
  /** In the order of the answer; inside the frame. */
  points: Point[]
  /** The answer as the model wrote it. */
  text: string
  timings: Timings
}

export interface AnswerOptions {
  contextFrames: number
  blackContext: boolean
  maxNewTokens: number
  cancel: AddonCancel
}

/** The pointer's view of one clip: a ring of encoded frames. */
export interface PointingStream {
  /** Encodes a frame for itself and as a predecessor of later ones. */
  encode(frameIndex: number, image: RgbImage, cancel: AddonCancel): Promise<Timings>
  answer(frameIndex: number, query: string, options: AnswerOptions): Promise<PointAnswer>
  dispose(): void
}

/** What grounding needs of the pointer, the segmenter and the mask arithmetic. */
export interface GroundEngine {
  openPointing(capacity: number): PointingStream
  segmenter: ClipSegmenter
  masks: Pick<Addon, 'fuseMasks' | 'maskOverlap'>
}
