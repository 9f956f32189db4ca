import { readFile } from 'node:fs/promises'
import { DOCUMENT, type Fault, JsonValue } from './value.js'

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

/**
 * @param fault for a text that is no JSON, and for all that is read from the value.
 */
export function parseJson(text: string, path: string, fault: Fault): JsonValue {
  try {
    return new JsonValue(path, JSON.parse(text), fault)
  } catch (cause) {
    throw fault({ path, place: DOCUMENT, expected: 'JSON', got: messageOf(cause), cause })
  }
}

/** A JSON file; undefined where there is none. */
export async function readJson(path: string, fault: Fault): Promise<JsonValue | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fault({ path, place: DOCUMENT, expected: 'a file to read', got: messageOf(cause), cause })
  }
  return parseJson(text, path, fault)
}
