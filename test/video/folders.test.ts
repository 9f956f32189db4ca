import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { listImages } from '../../lib/video/images.js'
import { naturalOrder } from '../../lib/video/natural-order.js'
import { readClip } from '../support/frames.js'

/** A picture of 4 x 3 pixels of one red. */
const shade = (red: number) =>
  sharp({ create: { width: 4, height: 3, channels: 3, background: { r: red, g: 20, b: 30 } } })

/** The same as a Windows bitmap: 24 bits, rows from below, each a multiple of four bytes. */
function bitmap(red: number): Buffer {
  const bytes = Buffer.alloc(54 + 3 * 12)
  bytes.write('BM')
  for (const [at, value] of [
    [2, bytes.length],
    [10, 54],
    [14, 40],
    [18, 4],
    [22, 3],
    [26, 1 | (24 << 16)],
    [34, 36],
  ] as const) {
    bytes.writeInt32LE(value, at)
  }
  for (let at = 54; at < bytes.length; at += 3) bytes.set([30, 20, red], at)
  return bytes
}

/** The same as a portable pixmap. */
const pixmap = (red: number) =>
  Buffer.concat([Buffer.from('P6\n4 3\n255\n'), Buffer.alloc(36, Buffer.from([red, 20, 30]))])

t.test('names are ordered as people do', async t => {
  const names = ['a1', 'a2', 'a10', 'a010b', 'b', '2x1', '10', '9', 'a01', '1', '']
  t.same(names.toSorted(naturalOrder), [
    ...['', '1', '2x1', '9', '10', 'a01', 'a1', 'a2', 'a10', 'a010b', 'b'],
  ])
  const long = ['frame99999999999999999999.png', 'frame100000000000000000000.png']
  t.same(long.toReversed().sort(naturalOrder), long)
})

t.test('a folder is read in natural order, without hidden and companion files', async t => {
  const folder = t.testdir({
    '._1.png': 'what macOS leaves beside 1.png',
    '.hidden.png': '',
    notes: '',
  })
  for (const red of [1, 2, 3, 10, 11, 20]) {
    await shade(red)
      .png()
      .toFile(join(folder, `${red}.png`))
  }
  const { frames, warnings, error } = await readClip(folder)
  t.same([warnings, error], [[], null])
  t.same(
    frames.map(({ data }) => data[0]),
    [1, 2, 3, 10, 11, 20],
  )
})

t.test('pictures of several kinds are one clip, exactly', async t => {
  const folder = t.testdir()
  await shade(1).png().toFile(join(folder, '1.png'))
  await writeFile(join(folder, '2.bmp'), bitmap(2))
  await shade(3).tiff({ compression: 'lzw' }).toFile(join(folder, '3.TIF'))
  await writeFile(join(folder, '4.ppm'), pixmap(4))
  await shade(5).webp({ lossless: true }).toFile(join(folder, '5.webp'))
  await shade(6).avif({ lossless: true }).toFile(join(folder, '6.avif'))
  const { frames, error } = await readClip(folder)
  t.equal(error, null)
  for (const [i, { data, width, height }] of frames.entries()) {
    t.same([width, height], [4, 3])
    const [red, green, blue] = data
    if (i < 5) t.same([red, green, blue], [i + 1, 20, 30])
    t.ok(data.every((value, at) => value === data[at % 3]))
  }
  t.equal(frames.length, 6)
  t.equal((await readClip(join(folder, '2.bmp'))).frames[0]!.data[0], 2, 'alone too')
  await writeFile(join(folder, '7.bmp'), bitmap(7).subarray(0, 20))
  t.match((await readClip(folder)).error, { code: 'DECODE_FAILED', message: /7\.bmp/ })
})

t.test('pictures that cannot be read are named', async t => {
  const folder = t.testdir({ 'a.heic': '', 'b.dng': '', 'c.heic': '', 'd.HEIC': '', 'x.txt': '' })
  t.match((await readClip(folder)).error, {
    code: 'INVALID_ARGUMENT',
    message: /no picture .*; passed over, .*: a\.heic, b\.dng, c\.heic and 1 more/,
  })
  await shade(1).png().toFile(join(folder, 'e.png'))
  const { frames, warnings, error } = await readClip(folder)
  t.same([frames.length, error], [1, null])
  t.match(warnings, [{ code: 'PASSED_OVER', source: folder, message: /: passed over/ }])
  const told: string[] = []
  await listImages(folder, { onWarning: ({ message }) => told.push(message) })
  t.equal(told.length, 1)
})

t.test('a picture that cannot be read ends a folder, after the frames before it', async t => {
  const folder = t.testdir({ '2.png': 'no picture' })
  for (const red of [1, 3])
    await shade(red)
      .png()
      .toFile(join(folder, `${red}.png`))
  const { frames, error } = await readClip(folder)
  t.equal(frames.length, 1)
  t.match(error, { code: 'DECODE_FAILED', message: /2\.png/ })
})
