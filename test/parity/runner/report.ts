import type { AddonTensor } from '../../../lib/engine/addon.js'
import { unboundedReason } from './bf16-bounds.js'
import type { GoldenSet } from './golden.js'
import { sampledLike } from './packed.js'

export type Values = ArrayLike<number | bigint>

/**
 * One compared tensor. `error` is the relative L2 error, or the number of unequal elements at tolerance 0;
 * for scores the largest absolute difference.
 */
export interface Row {
  name: string
  error: number
  tolerance: number
  passed: boolean
  note?: string
}

/** relative L2: |actual - expected| / |expected|, accumulated in float64. */
export function relativeL2(actual: Values, expected: Values): number {
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; i++) {
    const wanted = Number(expected[i])
    const step = Number(actual[i]) - wanted
    difference += step * step
    norm += wanted * wanted
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm)
}

function unequal(actual: Values, expected: Values): number {
  let count = 0
  for (let i = 0; i < expected.length; i++) {
    if (Number(actual[i]) !== Number(expected[i])) count++
  }
  return count
}

/** One value of a list of scores; null where there is none. */
export interface Score {
  of: string
  actual: number | null
  expected: number
}

const significant = (shape: readonly number[]) => shape.filter(extent => extent !== 1).join('x')

/** What one golden set gave: compared tensors, and tensors left out with the reason. */
export class Report {
  readonly rows: Row[] = []
  readonly skipped: { name: string; reason: string }[] = []

  constructor(
    readonly set: GoldenSet,
    readonly kind: string,
  ) {}

  get failed(): Row[] {
    return this.rows.filter(row => !row.passed)
  }

  /** Compares plain values. */
  values(name: string, actual: Values, expected: Values, tolerance: number): void {
    if (actual.length !== expected.length) {
      this.fail(name, tolerance, `${actual.length} values, expected ${expected.length}`)
      return
    }
    const error = tolerance === 0 ? unequal(actual, expected) : relativeL2(actual, expected)
    // A NaN fails: it compares false.
    this.rows.push({ name, error, tolerance, passed: error <= tolerance })
  }

  /** Compares lists of scores, each with its own name: the largest absolute difference counts. */
  scores(name: string, scores: readonly Score[], tolerance: number): void {
    let error = 0
    let worst = ''
    for (const { of, actual, expected } of scores) {
      // Written so that a NaN is the worst of all.
      const difference = Math.abs((actual ?? Number.NaN) - expected)
      if (difference <= error) continue
      error = difference
      worst = `${of}: ${actual}, expected ${expected}`
      if (Number.isNaN(error)) break
    }
    const passed = scores.length > 0 && error <= tolerance
    this.rows.push({ name, error, tolerance, passed, ...(worst ? { note: worst } : {}) })
  }

  /** Compares a tensor with expected.safetensors; extents of 1 may differ. */
  tensor(name: string, actual: AddonTensor | undefined, caseName = ''): void {
    const expected = this.set.expected[name]
    const tolerance = this.set.tolerance(name, caseName)
    if (!expected) throw new Error(`${this.set.folder}: expected.safetensors has no tensor ${name}`)
    if (!actual) {
      this.fail(name, tolerance, 'not recorded by the engine')
      return
    }
    if (significant(actual.shape) !== significant(expected.shape)) {
      this.fail(name, tolerance, `shape [${actual.shape}], expected [${expected.shape}]`)
      return
    }
    const unbounded = this.set.rounded ? unboundedReason(this.set, name, tolerance) : undefined
    if (unbounded) this.skip(name, unbounded)
    else if (this.set.rounded && /(masks_orig_res|video_masks)$/.test(name)) {
      this.overlap(name, actual.data, expected.data)
    } else this.values(name, sampledLike(expected, actual.data), expected.data, tolerance)
  }

  /** Compares masks by 1 - IoU, which may be 0.005. */
  private overlap(name: string, actual: Values, expected: Values): void {
    let both = 0
    let either = 0
    for (let i = 0; i < expected.length; i++) {
      const [a, b] = [Number(actual[i]) > 0, Number(expected[i]) > 0]
      if (a && b) both++
      if (a || b) either++
    }
    const iou = either === 0 ? 1 : both / either
    this.rows.push({ name, error: 1 - iou, tolerance: 0.005, passed: iou >= 0.995 })
  }

  /** Compares integers with expected.safetensors: all must be equal. */
  exact(name: string, actual: Values): void {
    const expected = this.set.expected[name]
    if (!expected) throw new Error(`${this.set.folder}: expected.safetensors has no tensor ${name}`)
    this.values(name, actual, expected.data, 0)
  }

  fail(name: string, tolerance: number, note: string): void {
    this.rows.push({ name, error: Number.NaN, tolerance, passed: false, note })
  }

  /** A statement that must hold, for things that are no tensors. */
  check(name: string, passed: boolean, note?: string): void {
    this.rows.push({ name, error: passed ? 0 : 1, tolerance: 0, passed, ...(note ? { note } : {}) })
  }

  skip(name: string, reason: string): void {
    this.skipped.push({ name, reason })
  }

  /** Every expected tensor must have been compared or skipped: none may be forgotten. */
  finish(): this {
    const seen = new Set([...this.rows, ...this.skipped].map(entry => entry.name))
    for (const name of Object.keys(this.set.expected)) {
      if (!seen.has(name)) this.fail(name, this.set.tolerance(name), 'not compared')
    }
    return this
  }
}
