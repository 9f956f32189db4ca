import { InvalidArgumentError } from '../engine/errors.js'
import type { ClipOptions, ClipSource, Frame, FrameSource } from './frame.js'
import { openClip } from './source.js'

/** Frames kept behind the newest one, so that short steps back need no second decoding. */
const KEPT_FRAMES = 32

/**
 * Frames of a clip by number. Reads forward and keeps the last few frames; a frame further back is
 * reached by decoding again from the start, so memory stays bounded however long the clip is.
 * Frames that can be read only once (a generator) are all kept.
 */
export class FrameReader {
  readonly #kept = new Map<number, Frame>()
  #source: FrameSource
  #frames: AsyncIterator<Frame> | undefined
  #next = 0
  #count: number | null = null

  private constructor(source: FrameSource) {
    this.#source = source
  }

  static async open(source: ClipSource, options: ClipOptions = {}): Promise<FrameReader> {
    return new FrameReader(await openClip(source, options))
  }

  /** Frames of the clip; exact once its end was reached, before that as the container says. */
  get frameCount(): number | null {
    return this.#count ?? this.#source.frameCount
  }

  /** Frames of the clip; read through once where the container does not say. */
  async countFrames(): Promise<number> {
    while (this.frameCount === null) await this.find(this.#next)
    return this.frameCount
  }

  /** @throws INVALID_ARGUMENT for a frame beyond the end. */
  async get(index: number): Promise<Frame> {
    const frame = await this.find(index)
    if (frame) return frame
    throw new InvalidArgumentError(
      `frame must lie in 0..${this.#count! - 1}, the frames of ${this.#source.name}, got ${index}`,
    )
  }

  /** The frame, or null beyond the end. */
  async find(index: number): Promise<Frame | null> {
    if (!Number.isInteger(index) || index < 0) {
      throw new InvalidArgumentError(`frame must be an integer of at least 0, got ${index}`)
    }
    const kept = this.#kept.get(index)
    if (kept) return kept
    if (index < this.#next) await this.#rewind()
    while (this.#next <= index) {
      this.#frames ??= this.#source[Symbol.asyncIterator]()
      const step = await this.#frames.next()
      if (step.done) {
        this.#count = this.#next
        return null
      }
      this.#keep(step.value)
    }
    return this.#kept.get(index)!
  }

  #keep(frame: Frame): void {
    this.#kept.set(frame.index, frame)
    this.#next = frame.index + 1
    if (this.#source.reopen) this.#kept.delete(frame.index - KEPT_FRAMES)
  }

  async #rewind(): Promise<void> {
    const { reopen } = this.#source
    if (!reopen) throw new InvalidArgumentError('these frames can be read only once')
    await this.close()
    this.#source = await reopen()
    this.#kept.clear()
    this.#next = 0
  }

  async close(): Promise<void> {
    await this.#frames?.return?.()
    this.#frames = undefined
  }
}
