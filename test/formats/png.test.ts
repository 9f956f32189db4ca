import sharp from 'sharp'
import t from 'tap'
import { decodeLabelPng, encodeLabelPng, labelPalette } from '../../lib/formats/png.js'

const labels = Uint8Array.from({ length: 31 * 17 }, (_, i) => (i * 7) % 256)

t.test('labels survive writing and reading; colours are those of the palette', async t => {
  const file = await encodeLabelPng(labels, 31, 17)
  const read = decodeLabelPng(file)
  t.same(read, { data: labels, width: 31, height: 17, indexed: true })
  const colors = await sharp(file).removeAlpha().raw().toBuffer()
  const palette = labelPalette()
  t.same(
    [...colors.subarray(30, 36)],
    [
      ...palette.subarray(labels[10]! * 3, labels[10]! * 3 + 3),
      ...palette.subarray(labels[11]! * 3, labels[11]! * 3 + 3),
    ],
  )
})

t.test('the palette is the PASCAL VOC colour map', async t => {
  const palette = labelPalette()
  const at = (index: number) => [...palette.subarray(index * 3, index * 3 + 3)]
  t.same(at(0), [0, 0, 0])
  t.same(at(1), [128, 0, 0])
  t.same(at(2), [0, 128, 0])
  t.same(at(4), [0, 0, 128])
  t.same(at(255), [224, 224, 192])
})

t.test('gray files of every filter and few-bit indexed files are read', async t => {
  const gray = await sharp(labels, { raw: { width: 31, height: 17, channels: 1 } })
    .png({ adaptiveFiltering: true })
    .toColourspace('b-w')
    .toBuffer()
  t.same(decodeLabelPng(gray).data, labels)
  const few = Uint8Array.from({ length: 9 * 4 }, (_, i) => (i % 3 === 0 ? 255 : 0))
  const bits = await sharp(few, { raw: { width: 9, height: 4, channels: 1 } })
    .png({ palette: true, colours: 2 })
    .toBuffer()
  const { data } = decodeLabelPng(bits)
  t.equal(new Set(data).size, 2)
  t.same(
    data.map(value => +(value === data[0])),
    few.map(value => +(value === 255)),
  )
})

t.test('anything else is refused', async t => {
  const rgb = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  t.throws(() => decodeLabelPng(rgb, 'rgb.png'), { code: 'DECODE_FAILED', message: /rgb\.png/ })
  t.throws(() => decodeLabelPng(Buffer.from('no picture')), { code: 'DECODE_FAILED' })
  const file = await encodeLabelPng(labels, 31, 17)
  t.throws(() => decodeLabelPng(file.subarray(0, file.length - 60)), { code: 'DECODE_FAILED' })
  await t.rejects(encodeLabelPng(labels, 30, 17), { code: 'INVALID_ARGUMENT' })
})
