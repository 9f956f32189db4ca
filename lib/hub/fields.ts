import { CheckpointError } from '../engine/errors.js'

/** Reads the fields of a parsed JSON object; every complaint names the file and the field. */
export class Fields {
  constructor(
    readonly object: Record<string, unknown>,
    readonly where: string,
  ) {}

  has(key: string): boolean {
    return this.object[key] !== undefined && this.object[key] !== null
  }

  private reject(key: string, expected: string): never {
    const found = JSON.stringify(this.object[key]) ?? 'nothing'
    throw new CheckpointError(
      `${this.where}: "${key}" must be ${expected}, but is ${found.slice(0, 60)}`,
    )
  }

  /** A finite number; without a fallback it must be there. */
  number(key: string, fallback?: number): number {
    const value = this.object[key]
    if ((value === undefined || value === null) && fallback !== undefined) return fallback
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.reject(key, 'a number')
    return value
  }

  /** An integer of at least `low`. */
  integer(key: string, fallback?: number, low = 0): number {
    const value = this.number(key, fallback)
    if (!Number.isSafeInteger(value) || value < low) this.reject(key, `an integer >= ${low}`)
    return value
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.object[key]
    if (value === undefined || value === null) return fallback
    if (typeof value !== 'boolean') return this.reject(key, 'true or false')
    return value
  }

  text(key: string, fallback: string): string {
    const value = this.object[key]
    if (value === undefined || value === null) return fallback
    if (typeof value !== 'string') return this.reject(key, 'a string')
    return value
  }

  numbers(key: string, fallback: readonly number[], count?: number): number[] {
    const value = this.object[key]
    if (value === undefined || value === null) return [...fallback]
    const length = count ?? (Array.isArray(value) ? value.length : 0)
    if (
      !Array.isArray(value) ||
      value.length !== length ||
      !value.every(item => typeof item === 'number' && Number.isFinite(item))
    ) {
      return this.reject(
        key,
        count === undefined ? 'a list of numbers' : `a list of ${count} numbers`,
      )
    }
    return value as number[]
  }

  /** A nested object, empty when absent. */
  child(key: string): Fields {
    const value = this.object[key]
    if (value === undefined || value === null) return new Fields({}, `${this.where} ${key}`)
    if (typeof value !== 'object' || Array.isArray(value)) return this.reject(key, 'an object')
    return new Fields(value as Record<string, unknown>, `${this.where} ${key}`)
  }

  /** Fails with UNSUPPORTED-style wording unless the field, where given, is one of `allowed`. */
  oneOf(key: string, allowed: readonly unknown[]): void {
    if (this.has(key) && !allowed.includes(this.object[key])) {
      this.reject(key, allowed.map(value => JSON.stringify(value)).join(' or '))
    }
  }
}
