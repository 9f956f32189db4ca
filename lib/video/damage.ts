import { DecodeError } from '../engine/errors.js'
import { type ClipWarning, clipWarning } from './warning.js'

/** What of a video could not be decoded, counted while it is read. */
export class Damage {
  readonly #name: string
  readonly #fails: boolean
  #packets = 0
  #lost = 0
  #reason = ''
  #ending: string | null = null

  /** @param fails whether the first fault ends the reading. */
  constructor(name: string, fails: boolean) {
    this.#name = name
    this.#fails = fails
  }

  /** Whether nothing is to be read any more; what was read before is still to come. */
  get stops(): boolean {
    return this.#fails && this.#any
  }

  get #any(): boolean {
    return this.#lost > 0 || this.#ending !== null
  }

  packet(): void {
    this.#packets++
  }

  lose(reason: string): void {
    this.#lost++
    this.#reason ||= reason
  }

  /** The stream ended before what its header says, or before what can be read. */
  endEarly(how: string): void {
    this.#ending ??= how
  }

  /**
   * @param frames that the video gave.
   * @param expected packets by a table of them, which may say too little but not too much.
   * @throws DECODE_FAILED when something was lost and nothing is left, or at all where faults end
   * the reading.
   */
  checkEnd(frames: number, expected: number): void {
    if (!this.stops && this.#packets < expected) {
      this.endEarly(`its header counts ${expected} pictures, ${this.#packets} are there`)
    }
    if (this.stops || (frames === 0 && this.#any)) {
      throw new DecodeError(`${this.#name}: ${this.#detail()}`)
    }
  }

  /** What to tell of a video that gave `frames`; null when nothing was lost. */
  warning(frames: number): ClipWarning | null {
    if (!this.#any) return null
    return clipWarning('DAMAGED', this.#name, `${this.#detail()}; ${frames} frames were read`)
  }

  #detail(): string {
    const lost = `${this.#lost} of ${this.#packets} packets are damaged (${this.#reason})`
    const ending = `the video is cut off: ${this.#ending}`
    return [...(this.#lost ? [lost] : []), ...(this.#ending ? [ending] : [])].join(', and ')
  }
}
