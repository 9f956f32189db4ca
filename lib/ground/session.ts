import { checkSignal, onAbort } from '../engine/cancel.js'
import { AbortedError, DisposedError, InvalidArgumentError } from '../engine/errors.js'
import type { OptionNames } from '../options/check.js'
import type { FrameSource } from '../video/frame.js'
import { openRawFrames } from '../video/memory.js'
import { type RawFrame, toRgb } from '../video/pixels.js'
import { GROUND_OPTIONS, type GroundOptions } from './options.js'
import type { GroundResult } from './result.js'

/**
 * 'offline': final results, in order. 'lag': a first estimate of every frame at once (`final:
 * false`), the fused result of the frame at most keyframeEvery frames later (`final: true`).
 */
export type SessionMode = 'offline' | 'lag'

export interface SessionOptions extends GroundOptions {
  /** Default 'offline'. */
  mode?: SessionMode
  /** Frames that may wait to be processed before `push` waits too. Default 8. */
  queueSize?: number
}

export const SESSION_OPTIONS: OptionNames<SessionOptions> = {
  ...GROUND_OPTIONS,
  mode: true,
  queueSize: true,
}

/** Runs the pipeline over a source of frames. */
export type RunSession = (source: FrameSource, signal: AbortSignal) => AsyncGenerator<GroundResult>

/**
 * Frames in, results out, in constant memory. Push frames and iterate the results at the same time:
 * `push` waits while the queue is full, and the work is done as results are pulled.
 */
export class GroundSession implements AsyncIterable<GroundResult> {
  readonly #run: RunSession
  readonly #queueSize: number
  readonly #queue: RawFrame[] = []
  readonly #abort = new AbortController()
  /** Lets go of the caller's signal. */
  readonly #release: () => void
  #ended = false
  #iterated = false
  /** Wakes whoever waits for a change of the queue. */
  #changed: () => void = () => {}
  #change: Promise<void> = Promise.resolve()

  private constructor(run: RunSession, options: SessionOptions) {
    const { mode = 'offline', queueSize = 8, signal } = options
    if (mode !== 'offline' && mode !== 'lag') {
      throw new InvalidArgumentError(`mode must be offline or lag, got ${JSON.stringify(mode)}`)
    }
    if (!Number.isInteger(queueSize) || queueSize < 1) {
      throw new InvalidArgumentError(`queueSize must be an integer of at least 1, got ${queueSize}`)
    }
    checkSignal(signal)
    this.#run = run
    this.#queueSize = queueSize
    this.#renew()
    this.#release = onAbort(signal, () => this.dispose())
    if (signal?.aborted) this.dispose()
  }

  /** @internal Use `VideoMolmo.openSession`. */
  static open(run: RunSession, options: SessionOptions): GroundSession {
    return new GroundSession(run, options)
  }

  #renew(): void {
    this.#changed()
    this.#change = new Promise(resolve => {
      this.#changed = resolve
    })
  }

  /**
   * Hands over a frame. It is checked and copied at once, so its buffer may be used again after the
   * call; the promise settles when the queue has room.
   *
   * @throws DISPOSED after `dispose`, INVALID_ARGUMENT after `end`.
   */
  async push(frame: RawFrame): Promise<void> {
    this.#checkOpen()
    // Checked and copied here, so that the error meets the caller who sent the frame.
    const copy = toRgb(frame, 'frame')
    while (this.#queue.length >= this.#queueSize) {
      await this.#change
      this.#checkOpen()
    }
    const { timeNs } = frame
    this.#queue.push({ ...copy, ...(timeNs === undefined ? {} : { timeNs }) })
    this.#renew()
  }

  #checkOpen(): void {
    if (this.#abort.signal.aborted) throw new DisposedError('the session was disposed')
    if (this.#ended) throw new InvalidArgumentError('no frame can be pushed after end()')
  }

  /**
   * No more frames will come; the results of the last ones are given out and the iteration ends.
   */
  end(): void {
    this.#ended = true
    this.#renew()
  }

  /** Stops at once; running work settles with ABORTED. */
  dispose(): void {
    this.#release()
    this.#abort.abort()
    this.#renew()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async *#frames(): AsyncGenerator<RawFrame> {
    for (;;) {
      if (this.#abort.signal.aborted) throw new AbortedError()
      const next = this.#queue.shift()
      if (next) {
        this.#renew()
        yield next
      } else if (this.#ended) return
      else await this.#change
    }
  }

  async *#results(): AsyncGenerator<GroundResult> {
    try {
      yield* this.#run(openRawFrames(this.#frames()), this.#abort.signal)
    } finally {
      this.#release()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<GroundResult> {
    if (this.#iterated) throw new InvalidArgumentError('a session can be iterated once')
    this.#iterated = true
    return this.#results()
  }
}
