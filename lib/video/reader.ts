import { InvalidArgumentError } from '../engine/errors.js'
import type { ClipExtent, ClipOptions, ClipSource, Frame, FrameSource } from './frame.js'
import { openClip } from './source.js'

/** Pixels of the frames kept behind the newest one: a group of pictures is decoded once. */
const KEPT_BYTES = 256 * 2 ** 20

/**
 * Frames of a clip by number. Reads forward and keeps the last ones; a frame further back is reached
 * from the keyframe before it, so memory stays bounded however long the clip is, and reading a clip
 * backward costs what reading it forward does. Frames that can be read only once (a generator) are
 * all kept.
 */
export class FrameReader {
  readonly #source: FrameSource
  readonly #mostBytes: number
  readonly #kept = new Map<number, Frame>()
  #keptBytes = 0
  #frames: AsyncIterator<Frame> | undefined
  #next = 0
  #extent: ClipExtent | null = null

  private constructor(source: FrameSource, mostBytes: number) {
    this.#source = source
    this.#mostBytes = mostBytes
  }

  /** @param mostBytes pixels that are kept, of one frame at least. */
  static async open(
    source: ClipSource,
    options: ClipOptions = {},
    mostBytes = KEPT_BYTES,
  ): Promise<FrameReader> {
    return new FrameReader(await openClip(source, options), mostBytes)
  }

  /**
   * How far the clip can be read. Reads it through where its source does not know.
   *
   * @throws what keeps the first frame from being read.
   */
  async extent(): Promise<ClipExtent> {
    const { access } = this.#source
    if (access) this.#extent ??= await access.count()
    while (!this.#extent) await this.find(this.#next)
    return this.#extent
  }

  /** @throws INVALID_ARGUMENT for a frame beyond the end. */
  async get(index: number): Promise<Frame> {
    const frame = await this.find(index)
    if (frame) return frame
    const { frameCount } = await this.extent()
    throw new InvalidArgumentError(
      `frame must lie in 0..${frameCount - 1}, the frames of ${this.#source.name}, got ${index}`,
    )
  }

  /** The frame, or null beyond the end. */
  async find(index: number): Promise<Frame | null> {
    if (!Number.isInteger(index) || index < 0) {
      throw new InvalidArgumentError(`frame must be an integer of at least 0, got ${index}`)
    }
    const kept = this.#kept.get(index)
    if (kept) return kept
    if (this.#extent && index >= this.#extent.frameCount) return null
    await this.#approach(index)
    while (this.#next <= index) if (!(await this.#read())) return null
    return this.#kept.get(index) ?? null
  }

  /** Goes back, or ahead to a later place at which decoding can begin. */
  async #approach(index: number): Promise<void> {
    const { access, name } = this.#source
    const start = access?.startFor(index) ?? 0
    if (this.#frames && index >= this.#next && start <= this.#next) return
    if (this.#frames && !access) {
      throw new InvalidArgumentError(`${name}: these frames can be read only once`)
    }
    await this.close()
    this.#kept.clear()
    this.#keptBytes = 0
    this.#frames = (access?.from(start) ?? this.#source)[Symbol.asyncIterator]()
    this.#next = start
  }

  /** Takes the next frame; false at the end. */
  async #read(): Promise<boolean> {
    let step: IteratorResult<Frame>
    try {
      step = await this.#frames!.next()
    } catch (failure) {
      if (this.#source.access || this.#next === 0) throw failure
      this.#extent = { frameCount: this.#next, failure }
      return false
    }
    if (step.done) {
      this.#extent ??= { frameCount: this.#next, failure: null }
      return false
    }
    this.#keep(step.value)
    return true
  }

  #keep(frame: Frame): void {
    this.#kept.set(frame.index, frame)
    this.#next = frame.index + 1
    this.#keptBytes += frame.data.byteLength
    if (!this.#source.access) return
    for (const [index, { data }] of this.#kept) {
      if (this.#keptBytes <= this.#mostBytes || this.#kept.size === 1) break
      this.#kept.delete(index)
      this.#keptBytes -= data.byteLength
    }
  }

  async close(): Promise<void> {
    await this.#frames?.return?.()
    this.#frames = undefined
  }
}
