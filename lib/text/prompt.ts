import { InvalidArgumentError } from '../engine/errors.js'

/**
 * Longest sentence, in UTF-16 units, that is worth tokenizing: no model of this family has positions for
 * more. Shorter sentences that still need too many tokens are refused by the engine.
 */
export const maxSentenceLength = 20_000

export interface PromptOptions {
  /**
   * A style prefix of the training data, put in front as `style: sentence` (`pointing`, `point_count`,
   * `user_qa`, ...). Most demo-style training prompts had none. Default none.
   */
  style?: string
}

/**
 * The text that the model reads for a sentence: `" User: {sentence} Assistant:"`, trailing white space of the
 * sentence removed, everything else kept.
 *
 * @throws InvalidArgumentError for an empty or an over-long sentence.
 */
export function promptText(sentence: string, options: PromptOptions = {}): string {
  checkSentence(sentence)
  const style = options.style ? `${options.style}: ` : ''
  return ` User: ${style}${trimEnd(sentence)} Assistant:`
}

/** Throws unless the value is a sentence that can be asked. */
export function checkSentence(sentence: unknown): asserts sentence is string {
  if (typeof sentence !== 'string') {
    throw new InvalidArgumentError(`The sentence must be a string; it is ${typeof sentence}.`)
  }
  if (trim(sentence) === '') throw new InvalidArgumentError('The sentence is empty.')
  if (sentence.length > maxSentenceLength) {
    throw new InvalidArgumentError(
      `The sentence has ${sentence.length} characters; at most ${maxSentenceLength} are allowed.`,
    )
  }
}

// White space as the reference strips it: Unicode's, with the information separators and without the
// byte order mark.
const blank = '[\\s\\u0085\\u001c-\\u001f]'
const leading = new RegExp(`^(?:(?!\\ufeff)${blank})+`)
const trailing = new RegExp(`(?:(?!\\ufeff)${blank})+$`)

function trimEnd(text: string): string {
  return text.replace(trailing, '')
}

export function trim(text: string): string {
  return trimEnd(text.replace(leading, ''))
}
