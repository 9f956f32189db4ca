import { createHash } from 'node:crypto'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeGrayPng, encodeLabelPng } from '../../lib/formats/png.js'
import { fixtureUrl, readFixture } from './fixtures.js'

/** folders.json: small data sets in their own layouts, with results, as the benchmarks' own code scored them. */
interface Folders {
  /** Of every path and its text or pixels, in the order of the paths. */
  sha256: string
  files: { [path: string]: string }
  pictures: {
    [folder: string]: {
      width: number
      height: number
      kind: 'labels' | 'gray'
      /** Row-major runs: `value:count`, or the count alone for 0. */
      frames: { [name: string]: string }
    }
  }
}

function pixelsOf(runs: string, count: number): Uint8Array {
  const pixels = new Uint8Array(count)
  let at = 0
  for (const run of runs.split(' ')) {
    const [length, value = '0'] = run.split(':').reverse() as [string, string?]
    pixels.fill(Number(value), at, at + Number(length))
    at += Number(length)
  }
  return pixels
}

/**
 * Draws the data sets of test/fixtures/metrics/mini into a folder, which is returned: MeViS, ReasonVOS,
 * Refer-YouTube-VOS and Ref-DAVIS17 with results, and beside them png/ as it lies there.
 */
export async function drawMiniDatasets(root: string): Promise<string> {
  const { sha256, files, pictures } = readFixture<Folders>('metrics/mini/folders.json')
  const all = new Map<string, string | Uint8Array>(Object.entries(files))
  const write = async (name: string, data: string | Uint8Array) => {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await writeFile(path.join(root, name), data)
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  for (const [folder, { width, height, kind, frames }] of Object.entries(pictures)) {
    const encode = kind === 'labels' ? encodeLabelPng : encodeGrayPng
    for (const [frame, runs] of Object.entries(frames)) {
      const pixels = pixelsOf(runs, width * height)
      const name = `${folder}/${frame}.png`
      all.set(name, pixels)
      await write(name, await encode(pixels, width, height))
    }
  }
  const hash = createHash('sha256')
  for (const name of [...all.keys()].sort()) hash.update(name).update(all.get(name)!)
  const found = hash.digest('hex')
  if (found !== sha256) throw new Error(`the mini data sets have the hash ${found}, not ${sha256}`)
  await cp(fileURLToPath(fixtureUrl('metrics/mini/png')), path.join(root, 'png'), {
    recursive: true,
  })
  return root
}
