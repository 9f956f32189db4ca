/** What is known of a decoded picture without its pixels. */
export interface IndexedFrame {
  /** In units of the stream; null where it has none. */
  stamp: bigint | null
  timeNs: bigint
  /** Whether decoding can begin here. */
  key: boolean
}

/**
 * Frames of a file by number and by time stamp, gathered by decoding it once. Frame numbers are
 * those of decoding from the start, so a place that was sought is known by its stamp alone: where
 * stamps are missing or do not rise, decoding always begins at the start.
 */
export class FrameIndex {
  readonly #frames: readonly IndexedFrame[]
  readonly #numbers = new Map<bigint, number>()
  readonly #keys: number[] = []

  constructor(frames: readonly IndexedFrame[]) {
    this.#frames = frames
    const rising = frames.every(
      ({ stamp }, i) => stamp !== null && (i === 0 || stamp > (frames[i - 1]!.stamp ?? stamp)),
    )
    if (!rising) return
    for (const [i, { stamp, key }] of frames.entries()) {
      this.#numbers.set(stamp!, i)
      if (key) this.#keys.push(i)
    }
  }

  get length(): number {
    return this.#frames.length
  }

  at(frame: number): IndexedFrame | undefined {
    return this.#frames[frame]
  }

  /** The frame with this stamp. */
  find(stamp: bigint | null): number | undefined {
    return stamp === null ? undefined : this.#numbers.get(stamp)
  }

  /** The last frame at which decoding can begin, up to `frame`; 0 where there is none. */
  keyBefore(frame: number): number {
    return this.#keys.findLast(key => key <= frame) ?? 0
  }
}
