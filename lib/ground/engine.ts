import type { Addon, AddonAnswerStats } from '../engine/addon.js'
import type { Frame } from '../video/frame.js'
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
  stats: AnswerStats
}

/** What the language model did for an answer. */
export type AnswerStats = AddonAnswerStats

/** A call of the pointer's, which rejects soon after the signal has fired. */
export interface PointingCall {
  signal: AbortSignal
}

export interface AnswerOptions extends PointingCall {
  contextFrames: number
  blackContext: boolean
  maxNewTokens: number
  /** Use a guess at the answer to save steps. */
  draft: boolean
}

/** The pointer's view of one clip: a ring of encoded frames. */
export interface PointingStream {
  /** Encodes frames for themselves and as predecessors of later ones; not more than its capacity. */
  encode(frames: readonly Frame[], call: PointingCall): Promise<Timings>
  /** Keeps an encoded frame ready for `answer`, so that it may leave the ring. */
  prepare(frameIndex: number, options: AnswerOptions): Promise<Timings>
  /** Answers for encoded or prepared frames, in their order. */
  answer(
    frameIndices: readonly number[],
    query: string,
    options: AnswerOptions,
  ): Promise<PointAnswer[]>
  dispose(): void
}

/** How much a pointer does side by side. */
export interface PointingBatch {
  /** Answers that are decoded together. */
  answers: number
  /** Frames that are encoded and kept. */
  frames: number
}

/** What grounding needs of the pointer, the segmenter and the mask arithmetic. */
export interface GroundEngine {
  /**
   * @param capacity encoded frames that are kept.
   * @param images frames that are kept prepared.
   */
  openPointing(capacity: number, images: number): PointingStream
  /** Default: eight answers, and a keyframe with the frames that it looks at. */
  readonly pointingBatch?: PointingBatch
  segmenter: ClipSegmenter
  masks: Pick<Addon, 'fuseMasks' | 'maskOverlap'>
}
