import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { decodeLabelPng } from '../../lib/formats/png.js'
import { decodeRle } from '../../lib/formats/rle.js'
import { openClip } from '../../lib/video/source.js'
import { demoFolder, run, start } from '../support/cli.js'
import { drawFrame, twoBoxes } from '../support/scene.js'

interface Rle {
  size: [number, number]
  counts: string
}

interface MasksFile {
  query: string
  width: number
  height: number
  frames: {
    frame: number
    tNs: number
    mask: Rle
    objects: { objectId: number; score: number; source: string; segmentation: Rle }[]
  }[]
}

interface PointLine {
  frame: number
  tNs: number
  objectId: number
  x: number
  y: number
  score: number
  source: string
}

const readLines = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as PointLine)

const readMasks = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as MasksFile

/** Checks that the four outputs are whole and say the same; gives the frames that they hold. */
async function checkOutputs(t: Test, folder: string): Promise<number[]> {
  t.same(readdirSync(folder).sort(), ['masks', 'masks.json', 'overlay.mp4', 'points.jsonl'])
  const { width, height, frames } = readMasks(join(folder, 'masks.json'))
  const names = readdirSync(join(folder, 'masks')).sort()
  t.same(
    names,
    frames.map(({ frame }) => `${String(frame).padStart(5, '0')}.png`),
  )
  for (const { frame, objects } of frames) {
    const label = decodeLabelPng(readFileSync(join(folder, 'masks', names[frame]!)))
    t.same([label.width, label.height, label.indexed], [width, height, true])
    const expected = new Uint8Array(width * height)
    for (const { objectId, segmentation } of objects.toReversed()) {
      const mask = decodeRle(segmentation)
      for (const [at, set] of mask.entries()) if (set) expected[at] = objectId
    }
    t.ok(Buffer.compare(label.data, expected) === 0, `labels of frame ${frame}`)
  }
  for (const line of readLines(join(folder, 'points.jsonl'))) {
    t.ok(frames.some(({ frame }) => frame === line.frame))
    t.ok(line.x >= 0 && line.x < width && line.y >= 0 && line.y < height)
    t.ok(line.score >= 0 && line.score <= 1)
    t.match(line, { tNs: Number, objectId: Number, source: /^(point|propagated|fused)$/ })
  }
  let shown = 0
  for await (const frame of await openClip(join(folder, 'overlay.mp4'))) {
    t.same([frame.width, frame.height], [width + (width & 1), height + (height & 1)])
    shown++
  }
  t.equal(shown, frames.length, 'the overlay shows every frame')
  return frames.map(({ frame }) => frame)
}

t.test('ground writes every output of the demo clip', async t => {
  const { sentence } = JSON.parse(readFileSync(join(demoFolder, 'demo.json'), 'utf8')) as {
    sentence: string
  }
  const folder = join(t.testdir(), 'out')
  const clip = join(demoFolder, 'clip.mp4')
  const { code, stdout, stderr } = await run('ground', clip, sentence, '-o', folder, '--json')
  t.equal(code, 0, stderr)
  const summary = JSON.parse(stdout) as { frames: number; interrupted: boolean }
  t.match(summary, { frames: 16, interrupted: false, outputs: { masks: join(folder, 'masks') } })
  const frames = await checkOutputs(t, folder)
  t.equal(frames.length, 16)
  const { query } = readMasks(join(folder, 'masks.json'))
  t.equal(query, sentence)
  const points = readLines(join(folder, 'points.jsonl'))
  t.ok(points.length > 0, 'something was found')
  t.same([...new Set(points.map(({ tNs }) => tNs % 100_000_000))], [0], '10 frames a second')
})

t.test('Ctrl-C keeps what is finished', async t => {
  const folder = t.testdir()
  const frames = join(folder, 'frames')
  await mkdir(frames)
  const scene = { ...twoBoxes(1), objects: [] }
  const { data, width, height } = drawFrame(scene, 0)
  const picture = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
  for (let frame = 0; frame < 3000; frame++) {
    await writeFile(join(frames, `${String(frame).padStart(5, '0')}.png`), picture)
  }
  const out = join(folder, 'out')
  const { child, finished } = start('ground', frames, 'the red square', '-o', out, '--json')
  const written = () => {
    try {
      return readdirSync(join(out, 'masks')).filter(name => name.endsWith('.png')).length
    } catch {
      return 0
    }
  }
  while (written() < 3 && child.exitCode === null) {
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  child.kill('SIGINT')
  const { code, stdout, stderr } = await finished
  t.equal(code, 130, stderr)
  const summary = JSON.parse(stdout) as { frames: number; interrupted: boolean }
  t.ok(summary.interrupted)
  t.ok(summary.frames >= 3 && summary.frames < 3000, `${summary.frames} frames`)
  const kept = await checkOutputs(t, out)
  t.equal(kept.length, summary.frames)
})
