import t from 'tap'
import type { AddonImage, AddonMask } from '../../lib/engine/addon.js'
import { addon } from '../../lib/engine/loader.js'
import { loadTiny, picture, promptIds } from '../pointer/model.js'

const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })

function detached(bytes: number): Uint8Array {
  const data = new Uint8Array(bytes)
  structuredClone(data.buffer, { transfer: [data.buffer] })
  return data
}

/** ArrayBuffers that may grow or shrink came with ES2024. */
function resizable(bytes: number): Uint8Array {
  const options = { maxByteLength: 2 * bytes }
  return new Uint8Array(Reflect.construct(ArrayBuffer, [bytes, options]) as ArrayBuffer)
}

t.test('pictures that are not what they say', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  const good = picture(0)
  const pixels = good.width * good.height * 3
  const encode = (change: object) => stream.encode(0, { ...good, ...change } as AddonImage)
  const cases: [object, RegExp][] = [
    [
      { data: new Uint8Array(pixels - 1) },
      new RegExp(`at least ${pixels} bytes.*has ${pixels - 1}`),
    ],
    [{ data: detached(pixels) }, /detached/],
    [{ data: resizable(pixels) }, /resizable/],
    [{ data: new Float32Array(pixels) }, /data must be a Uint8Array, but is a typed array/],
    [{ data: 'pixels' }, /must be a Uint8Array, but is the string "pixels"/],
    [{ width: 0 }, /width must be an integer from 1 to 32768, but is the number 0/],
    [{ height: -3 }, /height must be an integer from 1/],
    [{ width: 2.5 }, /width must be an integer, but is the number 2.5/],
    [{ width: Number.NaN }, /width must be an integer/],
    [{ width: 1e9 }, /to 32768/],
    [{ width: 30_000, height: 30_000 }, /at most 268435456 pixels, but is 30000 x 30000/],
    [{ stride: 3 * good.width - 1 }, /stride must be at least 3 \* width/],
    [{ width: undefined }, /width must be an integer, but is undefined/],
  ]
  for (const [change, message] of cases) {
    // A wrong argument may be reported at once or through the promise.
    await t.rejects(async () => encode(change), invalid(message))
  }
  await t.rejects(async () => stream.encode(0, null as unknown as AddonImage), invalid(/image/))
  await stream.encode(0, good)
  t.ok(stream.has(0), 'the stream still works')
  await pointer.dispose()
})

t.test('rows apart and views into larger buffers are read in place', async t => {
  const pointer = await loadTiny()
  const good = picture(0)
  const stride = 3 * good.width + 5
  const padded = new Uint8Array(7 + stride * good.height).fill(255)
  for (let y = 0; y < good.height; y++) {
    const row = good.data.subarray(y * 3 * good.width, (y + 1) * 3 * good.width)
    padded.set(row, 7 + y * stride)
  }
  const plain = await pointer.preprocess(good)
  const strided = await pointer.preprocess({ ...good, data: padded.subarray(7), stride })
  t.same(strided['pre.crops']!.data, plain['pre.crops']!.data)
  await pointer.dispose()
})

t.test('results outlive the model that made them', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const [answer] = await stream.answer([{ frameIndex: 0, promptIds }], {
    maxNewTokens: 4,
    trace: true,
  })
  const before = Array.from(answer!.tensors!['llm.logits.last']!.data as Float32Array)
  await pointer.dispose()
  t.same(Array.from(answer!.tensors!['llm.logits.last']!.data as Float32Array), before)
  t.ok(before.every(Number.isFinite))
})

t.test('masks and run lengths', t => {
  const { boundaryMap, compareLabels, compareMasks, rimDistances } = addon()
  const { decodeRle, encodeRle, fuseMasks, maskOverlap } = addon()
  const mask = (width: number, height: number): AddonMask => ({
    data: new Uint8Array(width * height).fill(1),
    width,
    height,
  })
  t.throws(() => encodeRle({ ...mask(4, 4), height: 5 }), invalid(/at least 20 bytes.*has 16/))
  t.throws(() => decodeRle(Uint32Array.of(3, 4), 4, 4), invalid(/add up to 4 x 4 = 16.*to 7/))
  t.throws(() => decodeRle(Uint32Array.of(16), 0, 16), invalid(/width/))
  t.throws(() => maskOverlap(mask(4, 4), mask(2, 8)), invalid(/4 x 4 and 2 x 8/))
  t.throws(() => rimDistances({ ...mask(4, 4), height: 5 }), invalid(/at least 20 bytes.*has 16/))
  t.same(rimDistances(mask(4, 3)), Int32Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0))
  const size = invalid(/4 x 4 and 2 x 8/)
  t.throws(() => compareMasks(mask(4, 4), mask(2, 8), 1), size)
  t.throws(() => compareMasks(mask(4, 4), mask(4, 4), 1, mask(2, 8)), size)
  t.throws(() => compareMasks(mask(4, 4), mask(4, 4), 0), invalid(/radius must be .*from 1/))
  t.throws(() => compareMasks(mask(4, 4), mask(4, 4), 1.5), invalid(/radius must be an integer/))
  t.throws(() => boundaryMap({ ...mask(4, 4), width: 5 }), invalid(/at least 20 bytes.*has 16/))
  const labels = (truthLabels: number, predictedLabels: number, ignoredLabel?: number) =>
    compareLabels(mask(4, 4), null, { truthLabels, predictedLabels, radius: 1, ignoredLabel })
  t.throws(() => labels(256, 256), invalid(/truthLabels must be an integer from 0 to 255/))
  t.throws(() => labels(1, 2), invalid(/equally many, but have 1 and 2/))
  t.throws(() => labels(1, 1, 0), invalid(/ignoredLabel must be .* 1 to 255/))
  t.same(labels(0, 0), [])
  t.match(labels(1, 1), [{ intersection: 0, union: 16 }])
  const fuse = (tau: number, strategy = 'bidirectional') =>
    fuseMasks(mask(4, 4), null, { tau, strategy: strategy as 'bidirectional' })
  t.throws(() => fuse(1.5), invalid(/tau must be from 0 to 1, but is 1.5/))
  t.throws(() => fuse(Number.NaN), invalid(/tau must be a finite number/))
  t.throws(() => fuse(0.5, 'both'), invalid(/strategy must be 'bidirectional'.*"both"/))
  t.throws(
    () => fuseMasks(null, null, { tau: 0.5, strategy: 'larger' }),
    invalid(/both are absent/),
  )
  t.same(decodeRle(encodeRle(mask(4, 4)), 4, 4), mask(4, 4).data)
  t.end()
})

t.test('handles cannot be forged', t => {
  const cancel = addon().createCancel()
  const Cancel = cancel.constructor as new () => unknown
  t.throws(() => new Cancel(), invalid(/cannot be constructed/))
  const { raise } = cancel
  t.throws(() => raise.call({} as typeof cancel))
  t.end()
})
