import { InvalidArgumentError } from '../engine/errors.js'
import { nearest } from './nearest.js'

/** Every name of an options type; the compiler sees to it that none is missing and none too many. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true }

/**
 * Refuses options that a call does not know, so that a misspelt one is not silently ignored. One that
 * is undefined counts as absent.
 *
 * @param known has a member of every known name.
 * @param where the call, or the file that the options come from, for the message.
 * @throws INVALID_ARGUMENT naming the nearest known option, or all of them where none is near.
 */
export function checkOptions<Options extends object>(
  known: { readonly [Name in keyof Options]-?: unknown },
  given: Options,
  where: string,
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidArgumentError(`${where}: expected options as an object, got ${kindOf(given)}`)
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || Object.hasOwn(known, name)) continue
    const names = Object.keys(known)
    const meant = nearest(name, names)
    const hint = meant ? `did you mean "${meant}"?` : `expected one of ${names.join(', ')}`
    throw new InvalidArgumentError(`${where}: there is no option "${name}"; ${hint}`)
  }
}

const kindOf = (value: unknown) => (Array.isArray(value) ? 'a list' : String(value))
