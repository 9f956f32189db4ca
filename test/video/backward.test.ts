import { join } from 'node:path'
import t from 'tap'
import { FrameReader } from '../../lib/video/reader.js'
import { readClip } from '../support/frames.js'
import { countDecoded, FRAME_BYTES, GROUP, remux, writeNumbered } from '../support/group-clip.js'

t.test('reading backward decodes what reading forward does', async t => {
  const folder = t.testdir()
  for (const count of [300, 600, 1200]) {
    const path = join(folder, `${count}.mp4`)
    await writeNumbered(path, count)
    const reader = await FrameReader.open(path)
    t.equal(await countDecoded(async () => void (await reader.extent())), count)
    const backward = await countDecoded(async () => {
      for (let i = count - 1; i >= 0; i--) await reader.get(i)
    })
    // Where a group was decoded, the decoder has begun the next one.
    const groups = Math.ceil(count / GROUP)
    t.ok(backward >= count && backward <= count + 2 * groups, `${count}: ${backward} decoded`)
    await reader.close()
  }
})

t.test('a container that goes by the times of decoding is entered early enough', async t => {
  const folder = t.testdir()
  const [mp4, ts] = [join(folder, 'clip.mp4'), join(folder, 'clip.ts')]
  await writeNumbered(mp4, 3 * GROUP)
  await remux(mp4, ts)
  const { frames } = await readClip(mp4)
  const reader = await FrameReader.open(ts)
  t.equal((await reader.extent()).frameCount, 3 * GROUP)
  const backward = await countDecoded(async () => {
    for (let i = 3 * GROUP - 1; i >= 0; i--) {
      const { data } = await reader.get(i)
      if (Buffer.compare(data, frames[i]!.data) !== 0) t.fail(`frame ${i}`)
    }
  })
  t.ok(backward <= 3 * GROUP + 60, `${backward} decoded`)
  await reader.close()
})

t.test('groups that do not fit are decoded again, piece by piece', async t => {
  const path = join(t.testdir(), 'group.mp4')
  await writeNumbered(path, GROUP)
  const reader = await FrameReader.open(path, {}, 50 * FRAME_BYTES)
  await reader.extent()
  const backward = await countDecoded(async () => {
    for (let i = GROUP - 1; i >= 0; i--) await reader.get(i)
  })
  // Five pieces of 50 frames: 250, 200, 150, 100 and 50 pictures.
  t.ok(backward >= 750 && backward <= 770, `${backward} decoded`)
  await reader.close()
})

t.test('a far jump forward begins at a keyframe', async t => {
  const path = join(t.testdir(), 'jump.mp4')
  await writeNumbered(path, 1000)
  const reader = await FrameReader.open(path)
  await reader.extent()
  const jump = await countDecoded(async () => {
    await reader.get(0)
    await reader.get(760)
  })
  t.ok(jump < 20, `${jump} decoded`)
  await reader.close()
})
