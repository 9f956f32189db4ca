import { InvalidArgumentError } from '../engine/errors.js'
import type { OptionNames } from '../options/check.js'
import { POINT_OPTIONS, type PointOptions } from './options.js'

/**
 * How the counts of the sampled frames become one: the most frequent (the larger on a tie), the
 * largest, the median (the larger middle one) or that of the first frame.
 */
export type CountRule = 'mode' | 'max' | 'median' | 'first'

export const COUNT_RULES: readonly CountRule[] = ['mode', 'max', 'median', 'first']

export interface CountOptions extends PointOptions {
  /** Default 'mode'. */
  rule?: CountRule
}

export const COUNT_OPTIONS: OptionNames<CountOptions> = { ...POINT_OPTIONS, rule: true }

export interface CountResult {
  count: number
  /** Points on every sampled frame. */
  frames: { frameIndex: number; timeNs: bigint; count: number }[]
}

export function checkCountRule(rule: CountRule = 'mode'): CountRule {
  if (COUNT_RULES.includes(rule)) return rule
  throw new InvalidArgumentError(
    `rule must be one of ${COUNT_RULES.join(', ')}, got ${JSON.stringify(rule)}`,
  )
}

/** The count of a clip from those of its sampled frames; there is at least one. */
export function combineCounts(counts: readonly number[], rule: CountRule): number {
  if (rule === 'first') return counts[0]!
  if (rule === 'max') return Math.max(...counts)
  const sorted = counts.toSorted((a, b) => a - b)
  if (rule === 'median') return sorted[sorted.length >> 1]!
  const times = new Map<number, number>()
  for (const count of sorted) times.set(count, (times.get(count) ?? 0) + 1)
  const most = Math.max(...times.values())
  return sorted.findLast(count => times.get(count) === most)!
}
