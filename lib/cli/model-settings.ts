import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveModel } from '../hub/resolve.js'
import { EMBEDDED } from '../load/settings.js'
import { showDownloads } from './download-bar.js'
import type { ModelFlags } from './options.js'

/** Size and age of a checkpoint's files, to notice when another one lies at the same place. */
async function stateOf(pathOrId: string): Promise<string> {
  const model = await resolveModel(pathOrId, { onProgress: showDownloads() }).catch(() => null)
  // Loading will say so.
  if (!model) return 'missing'
  const { path } = model
  const names = (await stat(path)).isDirectory() ? await readdir(path) : ['']
  let [bytes, newest] = [0, 0]
  for (const name of names) {
    const { size, mtimeMs } = await stat(join(path, name))
    bytes += size
    newest = Math.max(newest, mtimeMs)
  }
  return `${bytes} bytes of ${new Date(newest).toISOString()}`
}

/** What makes the models of two runs different ones. */
export async function modelSettings(flags: ModelFlags): Promise<{ [name: string]: unknown }> {
  const { pointer, segmenter, tokenizer, dtype, groupSize } = flags
  return {
    pointer,
    pointerFiles: await stateOf(pointer ?? EMBEDDED.pointer),
    segmenter,
    segmenterFiles: await stateOf(segmenter ?? EMBEDDED.segmenter),
    tokenizer,
    dtype,
    groupSize,
  }
}
