import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openClip } from '../../lib/video/source.js'
import { fixturePath } from '../support/fixtures.js'
import { milliseconds, readClip } from '../support/frames.js'

const clip = (name: string) => fixturePath(`video/${name}`)

t.test('the end of a clip is where decoding ends, whatever the header counts', async t => {
  for (const [name, header, real] of [
    ['edit-list.mp4', 60, 50],
    ['fragmented.mp4', 15, 60],
  ] as const) {
    const { frameCount, expectedFrames } = await openClip(clip(name))
    t.same([frameCount, expectedFrames], [null, header], name)
    const { frames, warnings, error } = await readClip(clip(name))
    t.equal(frames.length, real)
    t.same(
      frames.map(({ index }) => index),
      Array.from({ length: real }, (_, i) => i),
    )
    t.same([warnings, error], [[], null], 'nothing is wrong with it')
  }
})

t.test(
  'every frame that can be decoded comes, with its own time, and the loss is told',
  async t => {
    const damaged = await readClip(clip('damaged-packets.mp4'))
    t.equal(damaged.error, null)
    t.equal(damaged.frames.length, 85)
    const lost = [39, 40, 41, 43, 44]
    const kept = Array.from({ length: 90 }, (_, i) => i).filter(i => !lost.includes(i))
    t.same(
      milliseconds(damaged.frames),
      kept.map(i => Math.round((i * 1000) / 30)),
    )
    t.match(damaged.warnings, [
      {
        name: 'ClipWarning',
        code: 'DAMAGED',
        source: clip('damaged-packets.mp4'),
        message: /5 of 90 packets are damaged \(.+\); 85 frames were read$/,
      },
    ])
    t.equal(damaged.warnings.length, 1)

    const zeroed = await readClip(clip('zeroed-end.mp4'))
    t.same([zeroed.frames.length, zeroed.error], [55, null])
    t.match(zeroed.warnings, [{ code: 'DAMAGED', message: /5 of 60 packets/ }])

    const cut = await readClip(clip('cut-off.mp4'))
    t.same([cut.frames.length, cut.error], [60, null])
    t.equal(milliseconds(cut.frames).at(-1), 1967)
    t.match(cut.warnings, [{ message: /cut off: its header counts 90 pictures, 61 are there; 60/ }])
  },
)

t.test('on request damage is an error, after the frames before it', async t => {
  for (const [name, least, most] of [
    ['damaged-packets.mp4', 40, 42],
    ['zeroed-end.mp4', 55, 55],
    ['cut-off.mp4', 60, 60],
  ] as const) {
    const { frames, warnings, error } = await readClip(clip(name), { onDecodeError: 'fail' })
    t.match(error, { code: 'DECODE_FAILED', message: /damaged|cut off/ }, name)
    t.ok(frames.length >= least && frames.length <= most, `${name}: ${frames.length} frames`)
    t.same(warnings, [], 'an error needs no warning')
  }
  const { frames, error } = await readClip(clip('fragmented.mp4'), { onDecodeError: 'fail' })
  t.same([frames.length, error], [60, null], 'a header that says too little is no damage')
})

t.test('what is to happen at damage has two names', async t => {
  for (const options of [{ onDecodeError: 'stop' as 'skip' }, { onWarning: 'log' as never }]) {
    await t.rejects(openClip(clip('cut-off.mp4'), options), { code: 'INVALID_ARGUMENT' })
  }
})

t.test('a video of which nothing can be decoded is an error', async t => {
  const path = join(t.testdir(), 'nothing.mp4')
  const bytes = await readFile(clip('zeroed-end.mp4'))
  const data = bytes.indexOf('mdat') + 4
  const end = data - 8 + bytes.readUInt32BE(data - 8)
  await writeFile(path, bytes.fill(0, data, end))
  const { frames, warnings, error } = await readClip(path)
  t.same([frames, warnings], [[], []])
  t.match(error, { code: 'DECODE_FAILED', message: /60 of 60 packets are damaged/ })
})

t.test('where nobody listens a warning is one of the process', async t => {
  const heard = new Promise<Error>(resolve => process.once('warning', resolve))
  for await (const _ of await openClip(clip('zeroed-end.mp4')));
  t.match(await heard, { name: 'ClipWarning', code: 'DAMAGED' })
})
