import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import t from 'tap'
import type { ClipSource, Frame } from '../../lib/video/frame.js'
import { openClip } from '../../lib/video/source.js'
import { VideoWriter } from '../../lib/video/writer.js'
import { drawClip, drawFrame, twoBoxes } from '../support/scene.js'

async function readAll(source: ClipSource): Promise<Frame[]> {
  const frames: Frame[] = []
  for await (const frame of await openClip(source)) frames.push(frame)
  return frames
}

const scene = twoBoxes(9)
const clip = drawClip(scene)

async function writeVideo(path: string, frames = clip, rate = 25): Promise<void> {
  const { width, height } = frames[0]!
  const writer = await VideoWriter.open(path, width, height, rate)
  for (const { data } of frames) await writer.write({ data: data as Uint8Array, width, height })
  await writer.close()
}

const toPng = (frame: number) => {
  const { data, width, height } = drawFrame(scene, frame)
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

t.test('a video file gives its frames in order with their times', async t => {
  const path = join(t.testdir(), 'clip.mp4')
  await writeVideo(path)
  for (const source of [path, pathToFileURL(path)]) {
    const frames = await readAll(source)
    t.same(
      frames.map(({ index, timeNs }) => [index, timeNs]),
      clip.map((_, i) => [i, BigInt(i) * 40_000_000n]),
    )
    for (const [i, frame] of frames.entries()) {
      t.same([frame.width, frame.height], [64, 48])
      const wrong = frame.data.filter((value, at) => Math.abs(value - clip[i]!.data[at]!) > 70)
      t.ok(wrong.length < frame.data.length * 0.03, `frame ${i} shows the scene`)
    }
  }
  const { frameCount, expectedFrames, frameRate } = await openClip(path)
  t.same([frameCount, expectedFrames, frameRate], [null, 9, 25])
})

t.test('odd sizes are written with even ones', async t => {
  const path = join(t.testdir(), 'odd.mp4')
  const data = new Uint8Array(33 * 21 * 3).fill(128)
  await writeVideo(path, [{ data, width: 33, height: 21 }])
  const [frame] = await readAll(path)
  t.same([frame!.width, frame!.height], [34, 22])
  t.ok(frame!.data.every(value => Math.abs(value - 128) < 4))
})

t.test('a writer without frames leaves nothing behind', async t => {
  const folder = t.testdir()
  const writer = await VideoWriter.open(join(folder, 'none.mp4'), 16, 16, 30)
  await writer.close()
  await t.rejects(readAll(join(folder, 'none.mp4')), { code: 'DECODE_FAILED' })
  await t.rejects(VideoWriter.open(join(folder, 'missing', 'x.mp4'), 16, 16, 30), {
    code: 'DECODE_FAILED',
  })
})

t.test('a folder gives its pictures sorted by name, exactly', async t => {
  const folder = t.testdir({ 'notes.txt': 'no picture' })
  for (const frame of [2, 0, 1]) await writeFile(join(folder, `0${frame}.png`), await toPng(frame))
  const frames = await readAll(folder)
  t.equal(frames.length, 3)
  for (const [i, frame] of frames.entries()) t.same(frame.data, clip[i]!.data)
})

t.test('one picture is a clip of one frame; gray, palette and alpha become RGB', async t => {
  const folder = t.testdir()
  await writeFile(join(folder, 'a.png'), await toPng(0))
  t.equal((await readAll(join(folder, 'a.png'))).length, 1)
  const gray = await sharp({ create: { width: 5, height: 4, channels: 3, background: '#808080' } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
  await writeFile(join(folder, 'gray.png'), gray)
  t.same((await readAll(join(folder, 'gray.png')))[0]!.data, new Uint8Array(60).fill(128))
  const clear = await sharp({
    create: { width: 5, height: 4, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } },
  })
    .webp({ lossless: true, exact: true })
    .toBuffer()
  await writeFile(join(folder, 'clear.webp'), clear)
  t.same((await readAll(join(folder, 'clear.webp')))[0]!.data, new Uint8Array(60).fill(9))
})

t.test('raw frames come from arrays, generators and async generators', async t => {
  async function* slowly() {
    for (const frame of clip) yield await Promise.resolve(frame)
  }
  for (const source of [clip, new Set(clip), slowly()]) {
    const frames = await readAll(source)
    t.equal(frames.length, 9)
    t.same(frames[8]!.data, clip[8]!.data)
  }
  t.equal((await readAll(clip[0]!)).length, 1)
  const timed = await readAll([{ ...clip[0]!, timeNs: 1_700_000_000_123_456_789n }])
  t.equal(timed[0]!.timeNs, 1_700_000_000_123_456_789n)
})

t.test('a camera may reuse its buffer', async t => {
  function* camera() {
    const data = new Uint8Array(64 * 48 * 3)
    for (const frame of clip) {
      data.set(frame.data)
      yield { data, width: 64, height: 48 }
    }
  }
  const frames = await readAll(camera())
  for (const [i, frame] of frames.entries()) t.same(frame.data, clip[i]!.data)
})

t.test('sources that cannot be read', async t => {
  const folder = t.testdir({
    'broken.mp4': 'this is no video',
    'empty.mp4': '',
    'broken.png': 'this is no picture',
    nothing: {},
  })
  const failed = { code: 'DECODE_FAILED' }
  await t.rejects(readAll(join(folder, 'missing.mp4')), { ...failed, message: /no such file/ })
  await t.rejects(readAll(join(folder, 'broken.mp4')), { ...failed, message: /broken\.mp4/ })
  await t.rejects(readAll(join(folder, 'empty.mp4')), { ...failed, message: /empty/ })
  await t.rejects(readAll(join(folder, 'broken.png')), { ...failed, message: /broken\.png/ })
  await t.rejects(readAll(join(folder, 'nothing')), { code: 'INVALID_ARGUMENT' })
  await t.rejects(readAll([]), { ...failed, message: /no frames/ })
  await t.rejects(readAll(new URL('https://example.org/a.mp4')), { code: 'INVALID_ARGUMENT' })
  await t.rejects(readAll(5 as unknown as string), { code: 'INVALID_ARGUMENT' })
  await t.rejects(readAll(null as unknown as string), { code: 'INVALID_ARGUMENT' })
})

t.test('a video cut off in the middle gives a typed error or its first frames', async t => {
  const folder = t.testdir()
  const path = join(folder, 'clip.mp4')
  await writeVideo(path)
  const { readFile } = await import('node:fs/promises')
  const bytes = await readFile(path)
  await writeFile(join(folder, 'cut.mp4'), bytes.subarray(0, bytes.length >> 1))
  await t.rejects(readAll(join(folder, 'cut.mp4')), { code: 'DECODE_FAILED' })
})

t.test('frames that change their size', async t => {
  const small = { data: new Uint8Array(48), width: 4, height: 4 }
  await t.rejects(readAll([clip[0]!, small]), {
    code: 'INVALID_ARGUMENT',
    message: /frame 1 is 4x4.*64x48/,
  })
  const folder = t.testdir()
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, '0.png'), await toPng(0))
  const other = sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
  await writeFile(join(folder, '1.png'), await other.png().toBuffer())
  await t.rejects(readAll(folder), { code: 'DECODE_FAILED', message: /1\.png is 4x4.*64x48/ })
})
