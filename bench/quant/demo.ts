import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pointerFamily } from '../../lib/families/index.js'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { EMBEDDED } from '../../lib/load/settings.js'
import { openClip } from '../../lib/video/source.js'
import type { PointerCase } from '../../test/parity/runner/pointer.js'

const demo = fileURLToPath(new URL('../../../assets/demo/', import.meta.url))
const QUERIES = 6
const KEYFRAMES = [4, 9, 14]

/** The demo clip's first sentences on some of its frames. */
export async function demoCases(): Promise<PointerCase[]> {
  const { queries } = JSON.parse(await readFile(`${demo}demo.json`, 'utf8')) as {
    queries: { text: string }[]
  }
  const checkpoint = await readCheckpoint(EMBEDDED.pointer)
  const text = await pointerFamily(checkpoint.family).text(checkpoint, [EMBEDDED.pointer])
  const frames = []
  for await (const { data, width, height } of await openClip(`${demo}clip.mp4`))
    frames.push({ data, width, height })
  const cases: PointerCase[] = []
  for (const { text: query } of queries.slice(0, QUERIES)) {
    const promptIds = text.encodePrompt(query)
    for (const index of KEYFRAMES) {
      const previous = frames.slice(index - 4, index)
      cases.push({ name: `${query}, frame ${index}`, frame: frames[index]!, previous, promptIds })
    }
  }
  return cases
}
