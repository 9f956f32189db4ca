import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Fixtures are read from the sources: compiled tests run from dist/test. */
export const fixtureUrl = (path: string) =>
  new URL(`../../../test/fixtures/${path}`, import.meta.url)

export const fixturePath = (path: string): string => fileURLToPath(fixtureUrl(path))

export const readFixture = <T>(path: string): T =>
  JSON.parse(readFileSync(fixtureUrl(path), 'utf8')) as T
