import type { AnswerStats } from '../engine/public-types.js'
import type { Point } from '../formats/track-frame.js'
import type { Frame } from '../video/frame.js'
import type { ClipSegmenter } from './clip-segmenter.js'
import type { MaskWork } from './mask-work.js'

export type { Point } from '../formats/track-frame.js'
export type { AnswerStats }

/** Milliseconds per stage. */
export type Timings = Record<string, number>

/** What the pointer said about one frame. */
export interface PointerAnswer {
  frameIndex: number
  /** In the order of the answer; inside the frame. */
  points: Point[]
  /** The answer as the model wrote it. */
  text: string
  timings: Timings
  stats: AnswerStats
}

/** A call of the pointer's, which rejects soon after the signal has fired. */
export interface PointerCall {
  signal: AbortSignal
}

export interface AnswerOptions extends PointerCall {
  contextFrames: number
  blackContext: boolean
  maxNewTokens: number
  /** Use a guess at the answer to save steps. */
  draft: boolean
}

/** The pointer's view of one clip: a ring of encoded frames. */
export interface PointerStream {
  /** Encodes frames for themselves and as predecessors of later ones; not more than its capacity. */
  encode(frames: readonly Frame[], call: PointerCall): Promise<Timings>
  /** Keeps an encoded frame ready for `answer`, so that it may leave the ring. */
  prepare(frameIndex: number, options: AnswerOptions): Promise<Timings>
  /** Answers for encoded or prepared frames, in their order. */
  answer(
    frameIndices: readonly number[],
    query: string,
    options: AnswerOptions,
  ): Promise<PointerAnswer[]>
  dispose(): void
}

/** How much a pointer does side by side. */
export interface PointerBatch {
  /** Answers that are decoded together. */
  answers: number
  /** Frames that are encoded and kept. */
  frames: number
}

/** A pointer as grounding uses it. */
export interface PointerModel {
  /**
   * @param capacity encoded frames that are kept.
   * @param images frames that are kept prepared.
   */
  openStream(capacity: number, images: number): PointerStream
  /** Default: eight answers, and a keyframe with the frames that it looks at. */
  readonly batch?: PointerBatch
}

/** What grounding works with. */
export interface GroundModels {
  pointer: PointerModel
  segmenter: ClipSegmenter
  masks: MaskWork
}
