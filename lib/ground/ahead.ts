import type { Frame } from '../video/frame.js'
import type {
  AnswerOptions,
  PointerAnswer,
  PointerBatch,
  PointerModel,
  PointerStream,
  Timings,
} from './models.js'
import type { PointSettings } from './options.js'
import { addTimes } from './slot.js'

/** Pixels of frames that wait for the pointer, at most, where the caller leaves the number to us. */
const HELD_BYTES = 256 * 2 ** 20
const DEFAULT_BATCH: PointerBatch = { answers: 8, frames: 0 }

/** What the pointer did for a frame; the answer is null between keyframes. */
export interface PointerWork {
  answer: PointerAnswer | null
  timings: Timings
}

/** A frame and the pointer's work for it, which may still be going on. */
export interface AheadFrame {
  frame: Frame
  pointing: Promise<PointerWork>
}

export interface AheadOptions {
  settings: PointSettings
  query: string
  /** Null when unknown. */
  frameCount: number | null
  /** Stops the pointer at work. */
  signal: AbortSignal
  /** Give every frame at once: each keyframe is asked about on its own. */
  atOnce: boolean
}

/** Frames up to the keyframes that are answered together. */
interface Held {
  frame: Frame
  pointing: PointerWork
}

/**
 * Runs the pointer over a clip and gives its frames on, in order. Keyframes do not depend on each
 * other, so several are answered as one batch, in which every step reads the weights once for all of
 * them; the answers are those of one at a time. Reads ahead up to the last keyframe of a batch and
 * holds these frames, no more.
 */
export class PointerAhead {
  readonly #stream: PointerStream
  readonly #options: AheadOptions
  readonly #answerOptions: AnswerOptions
  /** Keyframes that are answered together, where the caller leaves it to us. */
  readonly #answers: number
  /** Keyframes that go through the vision encoder together. */
  readonly #visionBatch: number
  /** Frames that keyframes look at and that are not encoded yet. */
  #seen: Frame[] = []
  #held: Held[] = []
  #keyframes: Held[] = []
  /** Of them, those whose frames are not encoded yet. */
  #unprepared: Held[] = []

  constructor(model: PointerModel, options: AheadOptions) {
    this.#options = options
    const { contextFrames, blackContext, maxNewTokens, draft, keyframeBatch } = options.settings
    const { signal } = options
    this.#answerOptions = { contextFrames, blackContext, maxNewTokens, draft, signal }
    const { answers, frames } = model.batch ?? DEFAULT_BATCH
    const batch = options.atOnce ? 1 : (keyframeBatch ?? answers)
    this.#answers = answers
    // A further keyframe brings the frames that the one before does not look at.
    const own = contextFrames + 1
    const further = Math.min(options.settings.keyframeEvery, own)
    const fitting = 1 + Math.floor((frames - own) / further)
    this.#visionBatch = Math.min(batch, Math.max(1, fitting))
    this.#stream = model.openStream(own + (this.#visionBatch - 1) * further, batch)
  }

  async *frames(source: AsyncIterable<Frame>): AsyncGenerator<AheadFrame> {
    const { maxFrames } = this.#options.settings
    let batch = 0
    for await (const frame of source) {
      batch ||= this.#batch(frame)
      if (batch === 1) yield this.#alone(frame)
      else if (await this.#hold(frame, batch)) yield* this.#give()
      if (frame.index + 1 >= maxFrames) break
    }
    await this.#answerAll()
    yield* this.#give()
  }

  dispose(): void {
    this.#stream.dispose()
  }

  #batch(frame: Frame): number {
    const { atOnce, settings } = this.#options
    if (atOnce) return 1
    if (settings.keyframeBatch !== undefined) return settings.keyframeBatch
    const interval = settings.keyframeEvery * frame.data.byteLength
    return Math.min(this.#answers, Math.max(1, Math.floor(HELD_BYTES / interval)))
  }

  #isKeyframe = (frame: Frame): boolean => frame.index % this.#options.settings.keyframeEvery === 0

  /** Whether the next keyframe, or this one, looks at the frame. */
  #isSeen(frame: Frame): boolean {
    const { settings, frameCount } = this.#options
    const { keyframeEvery, contextFrames, blackContext, maxFrames } = settings
    if (this.#isKeyframe(frame)) return true
    const next = Math.ceil(frame.index / keyframeEvery) * keyframeEvery
    if (next - frame.index > (blackContext ? 0 : contextFrames)) return false
    return next < Math.min(maxFrames, frameCount ?? maxFrames)
  }

  /** Starts the work for one frame and does not wait for it. */
  #alone(frame: Frame): AheadFrame {
    const pointing = this.#isSeen(frame)
      ? this.#point(frame)
      : Promise.resolve({ answer: null, timings: {} })
    // Whoever takes the frame sees the failure; nobody may take it any more.
    pointing.catch(() => {})
    return { frame, pointing }
  }

  async #point(frame: Frame): Promise<PointerWork> {
    const timings = { ...(await this.#stream.encode([frame], this.#options)) }
    if (!this.#isKeyframe(frame)) return { answer: null, timings }
    const { query } = this.#options
    const [answer] = await this.#stream.answer([frame.index], query, this.#answerOptions)
    addTimes(timings, answer!.timings)
    return { answer: answer!, timings }
  }

  /** Takes a frame in; true when nothing waits for a keyframe's answer any more. */
  async #hold(frame: Frame, batch: number): Promise<boolean> {
    const held: Held = { frame, pointing: { answer: null, timings: {} } }
    this.#held.push(held)
    if (this.#isSeen(frame)) this.#seen.push(frame)
    if (this.#isKeyframe(frame)) {
      this.#keyframes.push(held)
      this.#unprepared.push(held)
      if (this.#unprepared.length === this.#visionBatch) await this.#prepareAll()
    }
    if (this.#keyframes.length === batch) await this.#answerAll()
    return this.#keyframes.length === 0
  }

  /**
   * The keyframes and their predecessors are one batch of the vision encoder, and leave room for those
   * of the next keyframes.
   */
  async #prepareAll(): Promise<void> {
    const keyframes = this.#unprepared.splice(0)
    if (keyframes.length === 0) return
    const times = await this.#stream.encode(this.#seen.splice(0), this.#options)
    const shares = Object.entries(times).map(([stage, ms]) => [stage, ms / keyframes.length])
    for (const { frame, pointing } of keyframes) {
      addTimes(pointing.timings, Object.fromEntries(shares))
      addTimes(pointing.timings, await this.#stream.prepare(frame.index, this.#answerOptions))
    }
  }

  async #answerAll(): Promise<void> {
    await this.#prepareAll()
    const keyframes = this.#keyframes.splice(0)
    if (keyframes.length === 0) return
    const indices = keyframes.map(({ frame }) => frame.index)
    const answers = await this.#stream.answer(indices, this.#options.query, this.#answerOptions)
    for (const [i, answer] of answers.entries()) {
      const { pointing } = keyframes[i]!
      pointing.answer = answer
      addTimes(pointing.timings, answer.timings)
    }
  }

  *#give(): Generator<AheadFrame> {
    for (const { frame, pointing } of this.#held.splice(0)) {
      yield { frame, pointing: Promise.resolve(pointing) }
    }
  }
}
