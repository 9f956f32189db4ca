import { DecodeError } from '../engine/errors.js'
import { ClipWarning } from './warning.js'

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

  packet(): void {
    this.#packets++
  }

  /** @throws DECODE_FAILED where the caller wants no more. */
  lose(reason: string): void {
    this.#lost++
    this.#reason ||= reason
    if (this.#fails) throw this.#toError()
  }

  /** The stream ended before what its header says, or before what can be read. */
  endEarly(how: string): void {
    this.#ending = how
    if (this.#fails) throw this.#toError()
  }

  /** @param expected packets by the header; a header may say too little, never too much. */
  checkEnd(expected: number): void {
    if (this.#ending || this.#packets >= expected) return
    this.endEarly(`its header counts ${expected} pictures, ${this.#packets} are there`)
  }

  /** @throws DECODE_FAILED when something was lost and nothing is left. */
  checkAny(frames: number): void {
    if (frames === 0 && (this.#lost || this.#ending)) throw this.#toError()
  }

  /** What to tell of a video that gave `frames`; null when nothing was lost. */
  warning(frames: number): ClipWarning | null {
    if (!this.#lost && !this.#ending) return null
    return new ClipWarning('DAMAGED', this.#name, `${this.#detail()}; ${frames} frames were read`)
  }

  #detail(): string {
    const lost = `${this.#lost} of ${this.#packets} packets could not be decoded (${this.#reason})`
    const ending = `the file ends early: ${this.#ending}`
    return [...(this.#lost ? [lost] : []), ...(this.#ending ? [ending] : [])].join(', and ')
  }

  #toError(): DecodeError {
    return new DecodeError(`${this.#name}: ${this.#detail()}`)
  }
}
