import { InvalidArgumentError } from '../engine/errors.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { meanOf } from './statistics.js'

export interface CountScore {
  /** Exact matching accuracy, percent of the clips. */
  ema: number
  /** Mean absolute error, objects. */
  mae: number
  /** Share of the clips within 1 of the truth (Molmo). */
  close: number
  /** Share within 1 + floor(0.05 * truth) (Molmo 2, video). */
  closeRelative: number
  /** Clips whose answer held no count: wrong in every share. */
  unreadable: number
}

export interface CountScoreOptions {
  /** What MAE takes for an answer without a count. Default 0. */
  unreadableAs?: number
}

const COUNT_SCORE_OPTIONS: OptionNames<CountScoreOptions> = { unreadableAs: true }

/**
 * Scores of counts, one per clip; null stands for an answer that holds none. Null without clips.
 *
 * @throws INVALID_ARGUMENT for lists of different lengths.
 */
export function scoreCounts(
  predicted: readonly (number | null)[],
  truth: readonly number[],
  options: CountScoreOptions = {},
): CountScore | null {
  checkOptions(COUNT_SCORE_OPTIONS, options, 'scoreCounts')
  const { unreadableAs = 0 } = options
  if (predicted.length !== truth.length) {
    throw new InvalidArgumentError(
      `expected one predicted count (or null) for each of the ${truth.length} true ones, ` +
        `got ${predicted.length}`,
    )
  }
  if (truth.length === 0) return null
  const share = (slack: (wanted: number) => number) =>
    meanOf(
      truth.map((wanted, i) => {
        const said = predicted[i] ?? null
        return said !== null && Math.abs(said - wanted) <= slack(wanted) ? 1 : 0
      }),
    )!
  const exact = truth.filter((wanted, i) => predicted[i] === wanted).length
  return {
    ema: (100 * exact) / truth.length,
    mae: meanOf(truth.map((wanted, i) => Math.abs((predicted[i] ?? unreadableAs) - wanted)))!,
    close: share(() => 1),
    closeRelative: share(wanted => 1 + Math.floor(0.05 * wanted)),
    unreadable: predicted.filter(said => said === null).length,
  }
}

const NUMBER_WORDS = [
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'],
  ...['eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen'],
  ...['nineteen', 'twenty'],
]

const INTEGER = /^[+-]?\d+$/

/** The reading rules: those of Molmo's counting evaluation, or of Molmo 2's for video. */
export type CountForm = 'molmo' | 'molmo2-video'

export const COUNT_FORMS: readonly CountForm[] = ['molmo', 'molmo2-video']

/**
 * The count that an answer states, null where it states none.
 * - 'molmo': the last word as a number or a number word up to twenty, else the number after "a
 *   total of", else 0 for an answer with the word "none".
 * - 'molmo2-video': the whole answer as a number, else the number after "a total of" or after "the
 *   total number [of ...] is:".
 *
 * For a model that points, the count of a frame is the number of its points instead.
 */
export function readCount(answer: string, form: CountForm = 'molmo'): number | null {
  const text = answer.trim().toLowerCase().replace(/\.+$/, '').trim()
  const total = /\ba total of ([+-]?\d+)/.exec(text)?.[1]
  if (form === 'molmo2-video') {
    const whole = INTEGER.test(text) ? text : undefined
    const stated = /\bthe total number\b.*?\bis:\s*([+-]?\d+)/s.exec(text)?.[1]
    return toNumber(whole ?? total ?? stated)
  }
  const last = text.split(/\s+/).at(-1)!
  if (INTEGER.test(last)) return Number(last)
  const word = NUMBER_WORDS.indexOf(last)
  if (word >= 0) return word
  return toNumber(total) ?? (/\bnone\b/.test(text) ? 0 : null)
}

const toNumber = (text: string | undefined) => (text === undefined ? null : Number(text))
