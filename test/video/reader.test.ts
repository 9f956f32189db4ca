import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { FrameIndex } from '../../lib/video/frame-index.js'
import { FrameReader } from '../../lib/video/reader.js'
import { fixturePath } from '../support/fixtures.js'
import { readClip } from '../support/frames.js'
import { FRAME_BYTES, GROUP, writeNumbered } from '../support/group-clip.js'
import { drawClip, twoBoxes } from '../support/scene.js'

const clean = (frameCount: number) => ({ frameCount, failure: null })

t.test('a reader goes back and forth and gives what reading forward gives', async t => {
  const path = join(t.testdir(), 'long.mp4')
  await writeNumbered(path, GROUP + 20)
  const { frames } = await readClip(path)
  for (const mostBytes of [FRAME_BYTES, undefined]) {
    const reader = await FrameReader.open(path, {}, mostBytes)
    t.same(await reader.extent(), clean(270))
    for (const index of [0, 5, 269, 260, 3, 251, 250, 249, 269]) {
      t.same({ ...(await reader.get(index)), decodeMs: 0 }, { ...frames[index], decodeMs: 0 })
    }
    t.equal(await reader.find(270), null)
    await t.rejects(reader.get(270), { code: 'INVALID_ARGUMENT', message: /0\.\.269/ })
    await t.rejects(reader.get(-1), { code: 'INVALID_ARGUMENT' })
    await reader.close()
  }
})

t.test('files whose time stamps lead nowhere are read from their start', async t => {
  for (const name of ['no-times.h264', 'b-frames.avi', 'edit-list.mp4', 'damaged-packets.mp4']) {
    const { frames } = await readClip(fixturePath(`video/${name}`))
    const reader = await FrameReader.open(fixturePath(`video/${name}`), { onWarning: () => {} }, 1)
    t.same(await reader.extent(), clean(frames.length))
    for (const i of [frames.length - 1, frames.length >> 1, 0]) {
      t.same({ ...(await reader.get(i)), decodeMs: 0 }, { ...frames[i], decodeMs: 0 }, name)
    }
    await reader.close()
  }
})

t.test('decoding begins at keyframes, where stamps say which frame is which', async t => {
  const frame = (stamp: bigint | null, key = false) => ({ stamp, timeNs: 0n, key })
  const index = new FrameIndex([frame(5n, true), frame(7n), frame(9n, true), frame(12n)])
  t.same(
    [0, 1, 2, 3].map(i => index.keyBefore(i)),
    [0, 0, 2, 2],
  )
  t.same([index.find(9n), index.find(8n), index.find(null)], [2, undefined, undefined])
  for (const odd of [null, 5n, 4n]) {
    const unsure = new FrameIndex([frame(5n, true), frame(odd), frame(9n, true), frame(12n)])
    t.same([unsure.keyBefore(3), unsure.find(9n), unsure.length], [0, undefined, 4])
  }
})

t.test('pictures and arrays are read where they are asked for', async t => {
  const folder = t.testdir()
  const picture = sharp({ create: { width: 4, height: 3, channels: 3, background: 'red' } }).png()
  for (const i of [0, 2, 3]) await picture.toFile(join(folder, `${i}.png`))
  await writeFile(join(folder, '1.png'), 'no picture')
  const reader = await FrameReader.open(folder, {}, 1)
  t.same(await reader.extent(), clean(4))
  for (const i of [3, 2, 0]) t.equal((await reader.get(i)).index, i)
  await t.rejects(reader.get(1), { code: 'DECODE_FAILED', message: /1\.png/ })
  await reader.close()

  const frames = drawClip(twoBoxes(9))
  const array = await FrameReader.open(frames, {}, 1)
  for (const i of [8, 7, 0]) t.same((await array.get(i)).data, frames[i]!.data)
  await t.rejects(array.get(9), { message: /0\.\.8/ })
})

t.test('frames that come only once are kept', async t => {
  const frames = drawClip(twoBoxes(9))
  const once = await FrameReader.open(frames.values(), {}, 1)
  t.same(await once.extent(), clean(9))
  for (const i of [0, 8, 3]) t.same((await once.get(i)).data, frames[i]!.data)
})

t.test('what ends a clip early is kept for whoever reads it', async t => {
  const reader = await FrameReader.open(fixturePath('video/size-change.ts'))
  const { frameCount, failure } = await reader.extent()
  t.equal(frameCount, 12)
  t.match(failure, { code: 'DECODE_FAILED', message: /frame 12 is 120x160.*160x120/ })
  t.equal((await reader.get(11)).index, 11)
  t.equal(await reader.find(12), null)
  const frames = drawClip(twoBoxes(3))
  function* breaking() {
    yield* frames
    throw new Error('unplugged')
  }
  const camera = await FrameReader.open(breaking())
  t.match(await camera.extent(), { frameCount: 3, failure: { message: 'unplugged' } })
  const dead = await FrameReader.open([{ ...frames[0]!, width: 0 }].values())
  await t.rejects(dead.extent())
})
