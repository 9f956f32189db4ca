type Json = Record<string, unknown>

/** The place of a file's whole value. */
export const DOCUMENT = 'the document'

/** What does not fit at a place of a file. */
export interface Misfit {
  /** File, or what else the value came from. */
  path: string
  /** Where in the file, members and items between dots. */
  place: string
  expected: string
  /** What came instead, shortened. */
  got: string
  /** The error behind it, where there is one. */
  cause?: unknown
}

/** How a room tells what does not fit; a file of a data set and a checkpoint have errors of their own. */
export type Fault = (misfit: Misfit) => Error

/** Checked reading of a JSON value; complaints name the file and the place in it. */
export class JsonValue {
  readonly path: string
  /** Where in the file the value stands. */
  readonly place: string
  readonly value: unknown
  readonly #fault: Fault

  constructor(path: string, value: unknown, fault: Fault, place = DOCUMENT) {
    this.path = path
    this.value = value
    this.place = place
    this.#fault = fault
  }

  /** @throws the fault, naming the file, the place, what was expected and what came. */
  fail(expected: string): never {
    const { path, place, value } = this
    const got = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60)
    throw this.#fault({ path, place, expected, got })
  }

  get present(): boolean {
    return this.value !== undefined && this.value !== null
  }

  get isList(): boolean {
    return Array.isArray(this.value)
  }

  at(key: string | number): JsonValue {
    const value = (this.value as Json | null | undefined)?.[key]
    const place = this.place === DOCUMENT ? String(key) : `${this.place}.${key}`
    return new JsonValue(this.path, value, this.#fault, place)
  }

  object(): Json {
    const { value } = this
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Json)
      : this.fail('an object')
  }

  /** Members of an object, in the order of the file. */
  members(): [string, JsonValue][] {
    return Object.keys(this.object()).map(key => [key, this.at(key)])
  }

  items(): JsonValue[] {
    const { value } = this
    return Array.isArray(value) ? value.map((_, i) => this.at(i)) : this.fail('a list')
  }

  string(): string {
    return typeof this.value === 'string' ? this.value : this.fail('a text')
  }

  boolean(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.fail('true or false')
  }

  number(): number {
    return Number.isFinite(this.value) ? (this.value as number) : this.fail('a number')
  }

  /** A whole number of `least` .. `most`. */
  integer(least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.number()
    if (Number.isInteger(value) && value >= least && value <= most) return value
    const bound = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `in ${least}..${most}`
    return this.fail(`a whole number ${bound}`)
  }

  /** @param count how many; default any. */
  numbers(count?: number): number[] {
    const { value } = this
    const fits = Array.isArray(value) && value.every(Number.isFinite)
    if (fits && value.length === (count ?? value.length)) return value
    return this.fail(count === undefined ? 'a list of numbers' : `a list of ${count} numbers`)
  }

  /** A text, or a number written as one: ids come in both forms. */
  name(): string {
    return typeof this.value === 'number' ? String(this.value) : this.string()
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
