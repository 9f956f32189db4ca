import t from 'tap'
import { Mask } from '../../lib/formats/mask.js'
import {
  compressCounts,
  decodeCounts,
  decodeRle,
  encodeCounts,
  expandCounts,
} from '../../lib/formats/rle.js'
import { type PackedMask, readFixture, unpackMask } from '../support/fixtures.js'

interface RleFixture {
  masks: PackedMask[]
  cases: {
    name: string
    mask: number
    expected: {
      counts: number[]
      string: string
      area: number
      bbox: [number, number, number, number]
    }
  }[]
  decode: {
    name: string
    size: [number, number]
    counts?: number[]
    string?: string
    expected: { mask: number }
  }[]
}

const { masks, cases, decode } = readFixture<RleFixture>('metrics/rle.json')

t.test('counts, strings, areas and boxes are those of pycocotools', async t => {
  t.ok(cases.length > 20)
  for (const { name, mask: row, expected } of cases) {
    const { data, width, height } = unpackMask(masks[row]!)
    const counts = encodeCounts(data, width, height)
    t.same(counts, expected.counts, name)
    t.equal(compressCounts(counts), expected.string, name)
    t.same(expandCounts(expected.string), expected.counts, name)
    const mask = new Mask(data, width, height)
    t.same(mask.toRLE(), { size: [height, width], counts: expected.string }, name)
    t.same(decodeRle(mask.toRLE()), data, name)
    t.equal(mask.area, expected.area, name)
    const { box } = mask
    t.same(box ? [box.x, box.y, box.width, box.height] : [0, 0, 0, 0], expected.bbox, name)
  }
})

t.test('runs of zero length are read', async t => {
  for (const { name, size, counts, string, expected } of decode) {
    const { data } = unpackMask(masks[expected.mask]!)
    t.same(decodeRle({ size, counts: counts ?? string! }), data, name)
  }
})

t.test('broken run lengths are refused', async t => {
  t.throws(() => decodeCounts([3, 4], 4, 2), { code: 'INVALID_ARGUMENT', message: /8 .* got 7/ })
  t.throws(() => expandCounts('1\n'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => expandCounts('P'), { code: 'INVALID_ARGUMENT' })
})
