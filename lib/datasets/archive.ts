import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import yazl from 'yazl'
import type { Dataset } from './dataset.js'
import { listFolder } from './files.js'
import type { Problems } from './problems.js'
import { resultFile, resultParts } from './results.js'

/**
 * Packs a result folder as the benchmark's server takes it: the same paths, nothing around them.
 * Files that are missing are reported and left out.
 *
 * @returns the number of files.
 */
export async function writeArchive(
  root: string,
  dataset: Dataset,
  path: string,
  problems: Problems,
): Promise<number> {
  const zip = new yazl.ZipFile()
  const partial = `${path}.partial`
  let files = 0
  for (const sequence of dataset.sequences) {
    for (const part of resultParts(dataset, sequence)) {
      const there = new Set(await listFolder(join(root, part.folder)))
      for (const frame of part.frames) {
        const file = resultFile(part, frame)
        if (there.has(`${frame}.png`)) {
          // Already compressed.
          zip.addFile(join(root, file), file, { compress: false })
          files++
        } else problems.report('missing', join(root, file), 'not in the archive')
      }
    }
  }
  const written = finished(zip.outputStream.pipe(createWriteStream(partial)))
  const failed = new Promise<never>((_, reject) => zip.once('error', reject))
  zip.end()
  await Promise.race([written, failed])
  await rename(partial, path)
  return files
}
