import { DatasetError } from '../engine/errors.js'

type Json = Record<string, unknown>

/** Checked reading of a JSON file's fields; faults name the file and the place in it. */
export class Fields {
  readonly #path: string
  /** Where in the file the value stands. */
  readonly place: string
  readonly value: unknown

  constructor(path: string, value: unknown, place = 'the document') {
    this.#path = path
    this.value = value
    this.place = place
  }

  /** @throws DATASET_INVALID (corrupt) naming the file, the place, what was expected and what came. */
  fail(expected: string): never {
    const got = this.value === undefined ? 'nothing' : JSON.stringify(this.value).slice(0, 60)
    throw new DatasetError('corrupt', this.#path, `${this.place}: expected ${expected}, got ${got}`)
  }

  get present(): boolean {
    return this.value !== undefined && this.value !== null
  }

  get isList(): boolean {
    return Array.isArray(this.value)
  }

  at(key: string | number): Fields {
    const value = (this.value as Json | null | undefined)?.[key]
    const place = this.place === 'the document' ? String(key) : `${this.place}.${key}`
    return new Fields(this.#path, value, place)
  }

  /** Members of an object, in the order of the file. */
  members(): [string, Fields][] {
    const value = this.value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fail('an object')
    }
    return Object.keys(value as Json).map(key => [key, this.at(key)])
  }

  items(): Fields[] {
    if (!Array.isArray(this.value)) this.fail('a list')
    return (this.value as unknown[]).map((_, i) => this.at(i))
  }

  string(): string {
    if (typeof this.value !== 'string') this.fail('a text')
    return this.value as string
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') this.fail('true or false')
    return this.value as boolean
  }

  number(): number {
    if (typeof this.value !== 'number') this.fail('a number')
    return this.value as number
  }

  /** A text, or a number written as one: ids come in both forms. */
  name(): string {
    if (typeof this.value === 'number') return String(this.value)
    return this.string()
  }

  /** Names that become parts of paths, so they must be plain ones. */
  fileName(): string {
    const name = this.name()
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
      this.fail('a plain file name')
    }
    return name
  }

  fileNames(): string[] {
    return this.items().map(item => item.fileName())
  }
}

/** A member's key that becomes part of a path. */
export function plainKey(path: string, key: string): string {
  return new Fields(path, key, `the name ${JSON.stringify(key)}`).fileName()
}
