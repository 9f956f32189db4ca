import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { pointerFamily } from '../../lib/families/index.js'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { EMBEDDED, Pointer, Segmenter } from '../../lib/index.js'
import { openClip } from '../../lib/video/source.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = ['build', 'build/Release']
  .map(place => path.join(root, place, 'videomolmo_ground'))
  .find(file => existsSync(file))
const clip = path.join(root, 'assets/demo/clip.mp4')
const QUERY = 'all cyan stars'
const FRAMES = 6

/** The demo clip's first frames, as the program gets them. */
async function frames() {
  const all = []
  for await (const { data, width, height } of await openClip(clip)) {
    all.push({ data, width, height })
    if (all.length === FRAMES) break
  }
  return all
}

async function modelOf(folder: string) {
  const { family, names, attributes, weights } = await readCheckpoint(folder)
  return { family, names, attributes, weights }
}

t.test('a C++ program grounds the demo clip as the npm API does', async t => {
  t.ok(program, 'videomolmo_ground is built: npm run build')
  const decoded = await frames()
  const { width, height } = decoded[0]!
  const folder = t.testdir({})
  const raw = path.join(folder, 'clip.rgb')
  writeFileSync(raw, Buffer.concat(decoded.map(({ data }) => data)))
  const checkpoint = await readCheckpoint(EMBEDDED.pointer)
  const text = await pointerFamily(checkpoint.family).text(checkpoint, [EMBEDDED.pointer])
  const job = path.join(folder, 'job.json')
  writeFileSync(
    job,
    JSON.stringify({
      pointer: await modelOf(EMBEDDED.pointer),
      segmenter: await modelOf(EMBEDDED.segmenter),
      tokenizer: path.join(EMBEDDED.pointer, 'tokenizer.json'),
      frames: raw,
      width,
      height,
      promptIds: [...text.encodePrompt(QUERY)],
    }),
  )
  const { status, stdout, stderr } = spawnSync(program!, [job], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  const lines = stdout.trim().split('\n')

  await using pointer = await Pointer.load()
  const source = decoded.map(frame => ({ ...frame }))
  const points = []
  for await (const found of pointer.point(source[0]!, QUERY)) points.push(...found.points)
  t.ok(points.length >= 2, 'the sentence names several objects')
  const said = lines.filter(line => line.startsWith('point '))
  t.equal(said.length, points.length)
  for (const [i, { x, y }] of points.entries()) {
    const [, px, py] = said[i]!.split(' ').map(Number)
    t.ok(Math.abs(px! - x) < 0.01 && Math.abs(py! - y) < 0.01, `${said[i]} against ${x}, ${y}`)
  }

  await using segmenter = await Segmenter.load()
  const video = await segmenter.openVideo(source)
  for (const [i, { x, y }] of points.entries()) await video.addPoints(0, i + 1, [[x, y]])
  const expected = []
  for await (const { frameIndex, objects } of video.propagate())
    for (const { objectId, mask } of objects)
      expected.push(`frame ${frameIndex} object ${objectId} area ${mask.area}`)
  t.equal(expected.length, FRAMES * points.length)
  t.same(
    lines.filter(line => line.startsWith('frame ')),
    expected,
  )
  t.match(stdout, /area [1-9]/)
})

t.test('what is wrong is said by code and name', t => {
  const job = path.join(t.testdir({}), 'job.json')
  writeFileSync(job, JSON.stringify({ pointer: {} }))
  const missing = spawnSync(program!, [job], { encoding: 'utf8' })
  t.equal(missing.status, 1)
  t.match(missing.stderr, /INVALID_ARGUMENT: The job has no "frames"/)
  t.end()
})
