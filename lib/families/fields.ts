import { checkpointFault } from '../json/faults.js'
import { JsonValue } from '../json/value.js'

/** Fields of a checkpoint's JSON object that may be left out; null counts as absent. */
export class Fields {
  readonly object: Record<string, unknown>
  readonly where: string
  readonly #json: JsonValue

  constructor(object: Record<string, unknown>, where: string) {
    this.object = object
    this.where = where
    this.#json = new JsonValue(where, object, checkpointFault)
  }

  has(key: string): boolean {
    return this.#json.at(key).present
  }

  #read<T>(key: string, fallback: T | undefined, read: (field: JsonValue) => T): T {
    const field = this.#json.at(key)
    return fallback !== undefined && !field.present ? fallback : read(field)
  }

  /** A finite number; without a fallback it must be there. */
  number(key: string, fallback?: number): number {
    return this.#read(key, fallback, field => field.number())
  }

  /** A whole number of at least `least`. */
  integer(key: string, fallback?: number, least = 0): number {
    return this.#read(key, fallback, field => field.integer(least))
  }

  /** An even integer of at least 2; it must be there. */
  even(key: string): number {
    const field = this.#json.at(key)
    const value = field.integer(2)
    return value % 2 === 0 ? value : field.fail('an even integer')
  }

  integers(key: string, fallback: readonly number[]): number[] {
    const values = this.numbers(key, fallback)
    return values.every(Number.isSafeInteger)
      ? values
      : this.#json.at(key).fail('a list of integers')
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.#read(key, fallback, field => field.boolean())
  }

  text(key: string, fallback: string): string {
    return this.#read(key, fallback, field => field.string())
  }

  numbers(key: string, fallback: readonly number[], count?: number): number[] {
    return this.#read(key, [...fallback], field => field.numbers(count))
  }

  /** A nested object, empty when absent. */
  child(key: string): Fields {
    const object = this.#read(key, {}, field => field.object())
    return new Fields(object, `${this.where} ${key}`)
  }

  /** Fails unless the field, where given, is one of `allowed`. */
  oneOf(key: string, allowed: readonly unknown[]): void {
    const field = this.#json.at(key)
    if (field.present && !allowed.includes(field.value)) {
      field.fail(allowed.map(value => JSON.stringify(value)).join(' or '))
    }
  }
}
