import { InvalidArgumentError, OutOfMemoryError } from '../engine/errors.js'

/** Bytes, or a number with a unit: '8GiB', '512 MiB', '1.5GB'. */
export type MemorySize = number | string

const UNITS: { [unit: string]: number } = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/**
 * The bytes that an option names.
 *
 * @throws INVALID_ARGUMENT for anything that is no size of at least a byte.
 */
export function memoryBytes(size: MemorySize, option = 'memoryBudget'): number {
  const [, digits = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(size)) ?? []
  const bytes = Math.floor(Number(digits || Number.NaN) * (UNITS[unit.toLowerCase()] ?? Number.NaN))
  if (Number.isSafeInteger(bytes) && bytes >= 1) return bytes
  throw new InvalidArgumentError(
    `${option} must be a number of bytes or a size such as '8GiB', got ${JSON.stringify(size)}`,
  )
}

/** What a model takes: the weights and its work. */
export interface MemoryNeed {
  /** Bytes without which it does not run. */
  least: number
  /** Bytes with which it runs as well as it can. */
  best: number
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** @throws OUT_OF_MEMORY naming what is needed and what is given. */
export function requireBudget(budget: number, least: number, model: string): void {
  if (budget >= least) return
  throw new OutOfMemoryError(
    `the ${model} needs ${mib(least)} for its weights and the least work, the memory budget is ${mib(budget)}`,
  )
}

/**
 * Divides a budget between a pointer and a segmenter. The segmenter gets what it makes use of, but
 * leaves the pointer what that needs; all the rest is the pointer's, which answers more keyframes
 * together the more it has.
 *
 * @throws OUT_OF_MEMORY when both together need more.
 */
export function divideBudget(
  budget: number,
  pointer: MemoryNeed,
  segmenter: MemoryNeed,
): { pointer: number; segmenter: number } {
  requireBudget(budget, pointer.least + segmenter.least, 'pointer with its segmenter')
  const share = Math.min(segmenter.best, budget - pointer.least)
  return { pointer: budget - share, segmenter: share }
}
