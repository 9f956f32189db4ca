/** A stream that steps back by more starts over; by less, one of its times is wrong. */
const RESTART_NS = 1_000_000_000n
/** What a stream that says nothing of its rate is taken to have. */
const DEFAULT_INTERVAL_NS = 1_000_000_000n / 30n

export interface Ratio {
  num: number
  den: number
}

/**
 * Times of a stream's frames in nanoseconds, from 0 and rising, whatever its time stamps do: a frame
 * without a stamp, or with one that does not rise, comes one frame's duration after the one before.
 */
export class Clock {
  readonly #unit: Ratio
  readonly #intervalNs: bigint
  #last: bigint | null = null
  /** The duration of the last frame. */
  #stepNs = 0n
  /** A stamp and the time that it stands for. */
  #anchor: { stamp: bigint; timeNs: bigint } | null = null

  /**
   * @param unit of the stamps and durations, in seconds.
   * @param frameRate where frames have no duration.
   */
  constructor(unit: Ratio, frameRate: number | null) {
    this.#unit = unit
    this.#intervalNs = frameRate ? BigInt(Math.round(1e9 / frameRate)) : DEFAULT_INTERVAL_NS
  }

  /**
   * @param stamp null where the stream has none.
   * @param duration 0 where the stream has none.
   */
  next(stamp: bigint | null, duration: bigint): bigint {
    const timeNs = this.#time(stamp)
    this.#last = timeNs
    this.#stepNs = duration > 0n ? this.#toNs(duration) : this.#intervalNs
    return timeNs
  }

  #time(stamp: bigint | null): bigint {
    const expected = this.#last === null ? 0n : this.#last + this.#stepNs
    if (stamp === null) return expected
    this.#anchor ??= { stamp, timeNs: expected }
    const timeNs = this.#anchor.timeNs + this.#toNs(stamp - this.#anchor.stamp)
    if (this.#last === null || timeNs > this.#last) return timeNs
    if (this.#last - timeNs > RESTART_NS) this.#anchor = { stamp, timeNs: expected }
    return expected
  }

  #toNs = (units: bigint): bigint =>
    (units * BigInt(this.#unit.num) * 1_000_000_000n) / BigInt(this.#unit.den)
}
