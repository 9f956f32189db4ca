import t from 'tap'
import type { AddonImage, AddonTensor } from '../../lib/engine/addon.js'
import { loadTiny, picture, promptIds } from './model.js'

const pointer = await loadTiny()
t.teardown(() => pointer.dispose())

t.test('frames that cannot be encoded', async t => {
  const good = picture(0)
  const bad: [string, AddonImage][] = [
    ['no width', { ...good, width: 0 }],
    ['a negative height', { ...good, height: -90 }],
    ['a fractional width', { ...good, width: 119.5 }],
    ['a huge frame', { ...good, width: 100_000, height: 100_000 }],
    ['a short buffer', { ...good, data: good.data.subarray(1) }],
    ['a stride below the row', { ...good, stride: 359 }],
    ['a stride beyond the buffer', { ...good, stride: 400 }],
    ['the wrong array', { ...good, data: new Float32Array(40_000) as unknown as Uint8Array }],
    ['no pixels', { ...good, data: undefined as unknown as Uint8Array }],
  ]
  const detached = picture(0)
  structuredClone(detached.data.buffer, { transfer: [detached.data.buffer as ArrayBuffer] })
  bad.push(['a detached buffer', detached])
  for (const [what, image] of bad) {
    const stream = pointer.openStream()
    await t.rejects(async () => stream.encode(0, image), { code: 'INVALID_ARGUMENT' }, what)
    await t.rejects(async () => pointer.preprocess(image), { code: 'INVALID_ARGUMENT' }, what)
    t.equal(stream.has(0), false)
    await stream.encode(0, good)
    t.ok(stream.has(0), 'the stream is usable afterwards')
  }
})

t.test('frames of one stream have one size', async t => {
  const stream = pointer.openStream()
  await stream.encode(0, picture(0, 120, 90))
  await t.rejects(stream.encode(1, picture(1, 90, 120)), {
    code: 'INVALID_ARGUMENT',
    message: /120x90.*90x120/,
  })
  t.equal(stream.has(1), false)
  await stream.encode(1, picture(1, 120, 90))
})

t.test('frame indices', async t => {
  const stream = pointer.openStream()
  for (const index of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    await t.rejects(
      async () => stream.encode(index, picture(0)),
      { code: 'INVALID_ARGUMENT' },
      String(index),
    )
  }
  await stream.encode(2 ** 40, picture(0))
  t.ok(stream.has(2 ** 40))
})

t.test('rows may lie apart', async t => {
  const { data, width, height } = picture(3)
  const stride = 3 * width + 13
  const padded = new Uint8Array(stride * height).fill(77)
  for (let y = 0; y < height; y++) {
    padded.set(data.subarray(y * 3 * width, (y + 1) * 3 * width), y * stride)
  }
  const dense = await pointer.preprocess({ data, width, height })
  const apart = await pointer.preprocess({ data: padded, width, height, stride })
  const bytes = ({ data }: AddonTensor) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  t.ok(bytes(apart['pre.crops']!).equals(bytes(dense['pre.crops']!)))
  const [rows, columns] = dense['pre.tiling']!.data as Int32Array
  t.same(dense['pre.crops']!.shape, [rows! * columns! + 1, 36, 588])
})

t.test('extreme shapes are one picture each', async t => {
  for (const [width, height] of [
    [1, 1],
    [5000, 1],
    [1, 3000],
    [15, 14],
  ] as const) {
    const stream = pointer.openStream()
    await stream.encode(0, picture(0, width, height))
    const [answer] = await stream.answer([{ frameIndex: 0, promptIds }], { maxNewTokens: 2 })
    t.equal(answer!.ids.length, 2, `${width}x${height}`)
  }
})
