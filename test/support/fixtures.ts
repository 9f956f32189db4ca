import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import type { ScoredMask } from '../../lib/evaluate/masks.js'

/** Fixtures are read from the sources: compiled tests run from dist/test. */
export const fixtureUrl = (path: string) =>
  new URL(`../../../test/fixtures/${path}`, import.meta.url)

export const readFixture = <T>(path: string): T =>
  JSON.parse(readFileSync(fixtureUrl(path), 'utf8')) as T

/** A mask of the metrics fixtures: deflated bits, most significant first. */
export interface PackedMask {
  width: number
  height: number
  bits: string
}

export function unpackMask({ width, height, bits }: PackedMask): ScoredMask {
  const bytes = inflateSync(Buffer.from(bits, 'base64'))
  const data = Uint8Array.from(
    { length: width * height },
    (_, i) => (bytes[i >> 3]! >> (7 - (i & 7))) & 1,
  )
  return { data, width, height }
}
