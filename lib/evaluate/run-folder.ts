import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError } from '../engine/errors.js'
import { writeWhole } from '../formats/files.js'

type Settings = { [name: string]: unknown }

/** Names may hold slashes and anything else; the hash keeps different ones apart. */
function fileName(id: string): string {
  const plain = id.replaceAll(/[^\w.-]/g, '_').slice(0, 80)
  return `${plain}-${createHash('sha1').update(id).digest('hex').slice(0, 8)}.json`
}

/** What a file says; null without it, and for one that a crash of the machine left cut off. */
async function readIfWhole(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/**
 * Where a long run keeps what it has finished: run.json with its settings and one record per
 * sequence. Records are written beside their place and renamed, so after a kill every record is a
 * whole one and a second run goes on from there; one that the machine's crash cut off counts as not
 * done. Where run.json itself was cut off, nobody knows what the records are of: all is done again.
 */
export class RunFolder<T> {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * @param restart forget the records of an earlier run.
   * @throws INVALID_ARGUMENT where the folder holds records of a run with other settings.
   */
  static async open<T>(path: string, settings: Settings, restart = false): Promise<RunFolder<T>> {
    const folder = new RunFolder<T>(path)
    if (restart) await rm(join(path, 'sequences'), { recursive: true, force: true })
    await mkdir(join(path, 'sequences'), { recursive: true })
    const file = join(path, 'run.json')
    const known = restart ? null : ((await readIfWhole(file)) as Settings | null)
    // As they will be read again: without what JSON cannot say.
    const wanted = JSON.parse(JSON.stringify(settings)) as Settings
    const records = join(path, 'sequences')
    const begun = (await readdir(records)).length > 0
    if (known && begun) folder.#compare(known, wanted)
    else {
      if (begun) await rm(records, { recursive: true })
      await mkdir(records, { recursive: true })
      await writeWhole(file, `${JSON.stringify(wanted, null, 1)}\n`)
    }
    return folder
  }

  #compare(known: Settings, wanted: Settings): void {
    for (const name of new Set([...Object.keys(known), ...Object.keys(wanted)])) {
      const [before, now] = [JSON.stringify(known[name]), JSON.stringify(wanted[name])]
      if (before === now) continue
      throw new InvalidArgumentError(
        `${this.path} holds a run with other settings (${name} was ${before}, now ${now}); take another folder or restart it`,
      )
    }
  }

  #file(id: string): string {
    return join(this.path, 'sequences', fileName(id))
  }

  /** The record of a finished sequence, null for one that is still to do. */
  async read(id: string): Promise<T | null> {
    return (await readIfWhole(this.#file(id))) as T | null
  }

  async write(id: string, record: T): Promise<void> {
    await writeWhole(this.#file(id), JSON.stringify(record))
  }
}
