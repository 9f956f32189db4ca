import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OutputWriter } from '../formats/outputs.js'
import { decodeLabelPng } from '../formats/png.js'
import type { GroundResult } from '../ground/result.js'
import { VideoMolmo } from '../ground/videomolmo.js'
import { scoreMasks } from '../metrics/masks.js'
import { meanOf } from '../metrics/statistics.js'
import { openClip } from '../video/source.js'

/**
 * Grounds the clip that comes with the package, writes every output and prints the score:
 *
 *     npm run demo [-- <output folder>]
 */
const DEMO = fileURLToPath(new URL('../../../assets/demo', import.meta.url))

/** assets/demo/demo.json */
interface Demo {
  sentence: string
  /** Labels of truth/*.png that the sentence names. */
  labels: number[]
}

async function score({ frameIndex, mask }: GroundResult, labels: number[]): Promise<number> {
  const path = join(DEMO, 'truth', `${String(frameIndex).padStart(5, '0')}.png`)
  const truth = decodeLabelPng(await readFile(path), path)
  const wanted = { ...truth, data: truth.data.map(label => +labels.includes(label)) }
  const { j, f } = scoreMasks(wanted, mask)
  return (j + f) / 2
}

async function demo(output: string): Promise<void> {
  const text = await readFile(join(DEMO, 'demo.json'), 'utf8')
  const { sentence, labels } = JSON.parse(text) as Demo
  const clip = join(DEMO, 'clip.mp4')
  await using vm = await VideoMolmo.load()
  const { frameRate } = await openClip(clip)
  const writer = await OutputWriter.open(output, sentence, frameRate ?? 30)
  const scores: number[] = []
  for await (const result of vm.ground(clip, sentence)) {
    await writer.write(result)
    scores.push(await score(result, labels))
  }
  const paths = await writer.close()
  console.log(`"${sentence}" in ${clip}, ${scores.length} frames`)
  for (const [name, path] of Object.entries(paths)) console.log(`${name.padEnd(8)} ${path}`)
  console.log(`J&F ${meanOf(scores)?.toFixed(3)}`)
}

await demo(process.argv[2] ?? 'out/demo')
