import { AbortedError } from '../engine/errors.js'
import type { Frame } from '../video/frame.js'

/**
 * Frames up to where their source fails. The failure waits, so that the frames before it can be
 * finished first; whoever reads them raises it afterwards. An abort does not wait.
 */
export class UntilFailure implements AsyncIterable<Frame> {
  readonly #source: AsyncIterable<Frame>
  #failure: { error: unknown } | null = null

  constructor(source: AsyncIterable<Frame>) {
    this.#source = source
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    const frames = this.#source[Symbol.asyncIterator]()
    try {
      for (;;) {
        const step = await this.#next(frames)
        if (step.done) return
        yield step.value
      }
    } finally {
      await frames.return?.()
    }
  }

  async #next(frames: AsyncIterator<Frame>): Promise<IteratorResult<Frame>> {
    try {
      return await frames.next()
    } catch (error) {
      if (error instanceof AbortedError) throw error
      this.#failure = { error }
      return { done: true, value: undefined }
    }
  }

  /** Throws what the source threw. */
  raise(): void {
    if (this.#failure) throw this.#failure.error
  }
}
