import { type FileHandle, open, rename, writeFile } from 'node:fs/promises'

/** Writes a file beside its place and renames it, so that a whole file or none is seen. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const partial = `${path}.partial`
  await writeFile(partial, data)
  await rename(partial, path)
}

/** A text file that grows beside its place until `close` renames it. */
export class GrowingFile {
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  static async open(path: string): Promise<GrowingFile> {
    return new GrowingFile(path, await open(`${path}.partial`, 'w'))
  }

  async write(text: string): Promise<void> {
    await this.#file.write(text)
  }

  async close(): Promise<void> {
    await this.#file.close()
    await rename(`${this.#path}.partial`, this.#path)
  }
}

/** JSON with exact integers for bigints; nanoseconds exceed what a double holds. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item) =>
    typeof item === 'bigint' ? `bigint:${item}` : item,
  ).replaceAll(/"bigint:(-?\d+)"/g, '$1')
}
