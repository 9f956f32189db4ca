import t from 'tap'
import { decodePng } from '../../lib/formats/png.js'
import { decodeRle } from '../../lib/formats/rle.js'
import { mergeRles, rleArea, rleBox, rleOverlap } from '../../lib/formats/rle-algebra.js'
import { polygonsToRle } from '../../lib/formats/rle-polygons.js'
import { readCoco } from '../../lib/labels/read-coco.js'
import { readCvat } from '../../lib/labels/read-cvat.js'
import { readLabelStudio } from '../../lib/labels/read-label-studio.js'

/** Memory follows what is in a file, not a number that it states. */

const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })
const corrupt = (message: RegExp) => ({ code: 'DATASET_INVALID', fault: 'corrupt', message })

t.test('run lengths are whole numbers of pixels, whoever reads them', async t => {
  const bad = (counts: number[]) => ({ size: [4, 4] as const, counts })
  for (const counts of [
    [20, -4],
    [0.5, 0.5, 15],
    [Number.NaN, 16],
    [2 ** 33, 16 - 2 ** 33],
  ]) {
    for (const read of [rleArea, rleBox, decodeRle]) {
      t.throws(() => read(bad(counts)), invalid(/run \d must be a whole number of pixels/))
    }
    t.throws(() => mergeRles([bad(counts)]), invalid(/whole number/))
    t.throws(() => rleOverlap(bad(counts), bad([16])), invalid(/whole number/))
  }
  const huge = { size: [2 ** 20, 2 ** 20] as const, counts: [2 ** 31, 2 ** 31] }
  t.throws(() => decodeRle(huge), invalid(/sides must lie in 0\.\.16384/))
})

t.test('a far corner is clipped to the frame', async t => {
  const [width, height] = [40, 30]
  for (const far of [1e3, 1e6, 1e9]) {
    const right = polygonsToRle([[10, 5, far, 5, far, 20, 10, 20]], width, height)
    t.same(
      right,
      polygonsToRle([[10, 5, 60, 5, 60, 20, 10, 20]], width, height),
      `${far} to the right`,
    )
    const down = polygonsToRle([[10, 5, 30, 5, 30, far, 10, far]], width, height)
    t.same(down, polygonsToRle([[10, 5, 30, 5, 30, 60, 10, 60]], width, height), `${far} down`)
    const wedge = rleArea(polygonsToRle([[0, 0, far, far, 0, far]], width, height))
    t.equal(wedge, rleArea(polygonsToRle([[0, 0, 1000, 1000, 0, 1000]], width, height)))
  }
  t.throws(() => polygonsToRle([[0, 0, 1e10, 0, 0, 5]], width, height), invalid(/got 10000000000/))
  const zigzag = Array.from({ length: 300 }, (_, i) => [(i % 2) * 16384, i % 7]).flat()
  t.throws(
    () => polygonsToRle([zigzag], 16384, 7),
    invalid(/crosses the frame's columns too often/),
  )
})

t.test('frames, sides and lengths that no clip has are refused', async t => {
  const image = { id: 1, file_name: 'a.png', width: 1e6, height: 1e6 }
  const coco = { images: [image], categories: [], annotations: [] }
  t.throws(() => readCoco(coco, 'a.json'), corrupt(/images\.0\.width: .*1\.\.16384, got 1000000/))
  const cvat = (width: number, size: number) =>
    `<annotations><size>${size}</size><original_size><width>${width}</width><height>4</height></original_size></annotations>`
  t.throws(() => readCvat(cvat(1e6, 3), 'a.xml'), corrupt(/original_size.* got 1000000x4/))
  t.throws(
    () => readCvat(cvat(4, 2 ** 31), 'a.xml'),
    corrupt(/<size>: .*up to 1000000, got 2147483648/),
  )
  const key = (frame: number) => ({ frame, x: 0, y: 0, width: 10, height: 10 })
  const region = (value: object, width = 8) => ({
    id: 'a',
    type: 'videorectangle',
    original_width: width,
    original_height: 8,
    value: { labels: ['cat'], ...value },
  })
  const tasks = (...result: object[]) => [{ data: { video: 'a' }, predictions: [{ result }] }]
  const long = { framesCount: 1e9, sequence: [key(1)] }
  t.throws(
    () => readLabelStudio(tasks(region(long)), 'a.json'),
    corrupt(/framesCount: .*got 1000000000/),
  )
  const late = { framesCount: 3, sequence: [key(1), key(1e9)] }
  t.throws(
    () => readLabelStudio(tasks(region(late)), 'a.json'),
    corrupt(/sequence\.1\.frame: .*got 1000000000/),
  )
  t.throws(() => readLabelStudio(tasks(region(long, 1e6)), 'a.json'), corrupt(/original_width/))
  const full = region({ framesCount: 1e6, sequence: [key(1)] })
  t.throws(
    () => readLabelStudio(tasks(full, full, full), 'a.json'),
    corrupt(/at most 2000000 boxes/),
  )
})

t.test('a PNG says its sides before anything is unpacked', async t => {
  const header = Buffer.alloc(25)
  header.writeUInt32BE(13, 0)
  header.write('IHDR', 4, 'latin1')
  header.writeUInt32BE(39000, 8)
  header.writeUInt32BE(39000, 12)
  header.set([1, 0, 0, 0, 0], 16)
  const file = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), header])
  t.throws(() => decodePng(file, 'a.png'), {
    code: 'DECODE_FAILED',
    message: /a\.png: sides must lie in 1\.\.16384, got 39000x39000/,
  })
})
