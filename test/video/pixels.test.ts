import t from 'tap'
import { type PixelFormat, type RawFrame, toRgb } from '../../lib/video/pixels.js'

t.test('every interleaved format becomes packed RGB', async t => {
  const cases: [PixelFormat, number[]][] = [
    ['rgb', [1, 2, 3, 4, 5, 6]],
    ['bgr', [3, 2, 1, 6, 5, 4]],
    ['rgba', [1, 2, 3, 99, 4, 5, 6, 99]],
    ['bgra', [3, 2, 1, 99, 6, 5, 4, 99]],
  ]
  for (const [format, bytes] of cases) {
    const frame = { data: Uint8Array.from(bytes), width: 2, height: 1, format }
    t.same([...toRgb(frame).data], [1, 2, 3, 4, 5, 6], format)
  }
  const gray = {
    data: Uint8ClampedArray.from([7, 8]),
    width: 1,
    height: 2,
    format: 'gray',
  } as const
  t.same([...toRgb(gray).data], [7, 7, 7, 8, 8, 8])
})

t.test('rows may be padded; the last one need not be', async t => {
  const data = Uint8Array.from([1, 1, 1, 0, 0, 2, 2, 2])
  t.same([...toRgb({ data, width: 1, height: 2, stride: 5 }).data], [1, 1, 1, 2, 2, 2])
})

t.test('nv12 is BT.601 in limited range', async t => {
  // 3 x 3 pixels with one luma, chroma in two columns and rows.
  const nv12 = (y: number, cb: number, cr: number): RawFrame => ({
    data: Uint8Array.from([...Array(12).fill(y), ...Array(4).fill([cb, cr]).flat()]),
    width: 3,
    height: 3,
    stride: 4,
    format: 'nv12',
  })
  const near = (frame: RawFrame, expected: number[]) => {
    const { data } = toRgb(frame)
    t.equal(data.length, 27)
    for (const [i, value] of data.entries()) t.ok(Math.abs(value - expected[i % 3]!) <= 1)
  }
  near(nv12(16, 128, 128), [0, 0, 0])
  near(nv12(235, 128, 128), [255, 255, 255])
  near(nv12(81, 90, 240), [255, 0, 0])
  near(nv12(145, 54, 34), [0, 255, 0])
  near(nv12(41, 240, 110), [0, 0, 255])
})

t.test('broken frames are named', async t => {
  const good: RawFrame = { data: new Uint8Array(12), width: 2, height: 2 }
  const detached = new Uint8Array(12)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const bad: [Partial<RawFrame>, RegExp][] = [
    [{ width: 0 }, /width must be an integer in 1\.\.16384, got 0/],
    [{ height: 1e9 }, /height .* got 1000000000/],
    [{ width: 2.5 }, /width .* got 2\.5/],
    [{ width: 20000 }, /width/],
    [{ data: new Uint8Array(11) }, /needs 12 bytes, data has 11/],
    [{ data: detached }, /needs 12 bytes, data is empty or was detached/],
    [{ data: [1, 2, 3] as unknown as Uint8Array }, /data must be a Uint8Array/],
    [{ stride: 5 }, /stride .* at least 6/],
    [{ format: 'yuyv' as 'rgb' }, /format must be one of rgb, .* got "yuyv"/],
    [{ format: 'nv12', height: 64 }, /needs/],
  ]
  for (const [change, message] of bad) {
    t.throws(() => toRgb({ ...good, ...change }), { code: 'INVALID_ARGUMENT', message })
  }
  t.throws(() => toRgb(null as unknown as RawFrame), { code: 'INVALID_ARGUMENT' })
})
