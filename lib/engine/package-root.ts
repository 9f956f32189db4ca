import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NotInstalledError } from './errors.js'

/** The package's folder seen from this file, which runs from dist/lib/engine. */
function folderAbove(): string {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name?: unknown
  }
  if (name === 'videomolmo') return root
  throw new Error(`${root} is the folder of another package`)
}

let known: string | undefined

/**
 * The package's folder, in which the engine and the embedded models lie.
 *
 * @throws NOT_INSTALLED where the library's files were taken out of it, as bundlers do.
 */
export function packageRoot(): string {
  try {
    known ??= folderAbove()
    return known
  } catch (cause) {
    throw new NotInstalledError(
      'the files of videomolmo do not lie in its package, so its engine and models cannot be found; ' +
        'a bundler must leave videomolmo out of the bundle (mark it as external)',
      { cause },
    )
  }
}
