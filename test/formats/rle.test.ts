import t from 'tap'
import {
  compressCounts,
  decodeCounts,
  decodeRle,
  encodeCounts,
  encodeRle,
  expandCounts,
} from '../../lib/formats/rle.js'
import { mergeRles, rleArea, rleBox, rleIou } from '../../lib/formats/rle-algebra.js'
import { boxToRle, polygonsToRle } from '../../lib/formats/rle-polygons.js'
import { drawMask } from '../support/masks.js'

// Many more masks, against pycocotools, are in test/parity/metrics.test.ts.

const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })

t.test('runs go down the columns', async t => {
  const { data, width, height } = drawMask('.#..', '.#..', '.#..', '.#..', '.#..')
  t.same(Array.from(encodeCounts(data, width, height)), [5, 5, 10])
  t.same(encodeRle(data, width, height), { size: [5, 4], counts: '55:' })
  t.same(decodeRle({ size: [5, 4], counts: Buffer.from('55:') }), data, 'bytes')
  t.same(decodeCounts([5, 0, 0, 5, 10], width, height), data, 'runs of zero length')
})

t.test('broken run lengths are refused', async t => {
  t.throws(() => decodeCounts([3, 4], 4, 2), invalid(/8 for a 4x2 mask, got 7/))
  t.throws(() => decodeCounts([3, -4, 9], 4, 2), invalid(/run 1 must be .* got -4/))
  t.throws(() => decodeCounts([3.5, 4.5], 4, 2), invalid(/run 0 .* got 3.5/))
  t.throws(() => expandCounts('1\n'), invalid(/character 1 /))
  t.throws(() => expandCounts('P'), invalid(/character 1 /), 'a number without an end')
  t.throws(() => expandCounts('oooooooo0'), invalid(/character 7 /), 'a number without measure')
  t.throws(() => expandCounts('1N'), invalid(/run 1 .*below 0/))
  t.throws(() => rleArea({ size: [2, 4], counts: [3, 4] }), invalid(/8 .* got 7/))
})

t.test('numbers up to 2^31 - 1 are written and read', async t => {
  const counts = [2 ** 31 - 1, 1, 2, 2 ** 31 - 1, 0, 3]
  t.same(expandCounts(compressCounts(counts)), counts)
})

t.test('areas, boxes and IoU without decoding', async t => {
  const a = drawMask('....', '.##.', '.##.')
  const b = drawMask('....', '..##', '..##')
  const [first, second] = [a, b].map(({ data, width, height }) => encodeRle(data, width, height))
  t.equal(rleArea(first!), 4)
  t.same(rleBox(first!), { x: 1, y: 1, width: 2, height: 2 })
  t.equal(rleBox({ size: [3, 4], counts: [12] }), null)
  t.same(rleBox({ size: [3, 4], counts: [4, 0, 3, 1, 4] }), { x: 2, y: 1, width: 1, height: 1 })
  t.equal(rleIou(first!, second!), 2 / 6)
  t.equal(rleIou(first!, second!, { crowd: true }), 2 / 4)
  const empty = { size: [3, 4] as const, counts: [12] }
  t.equal(rleIou(empty, empty), 0)
  const other = { size: [4, 3] as const, counts: [12] }
  t.throws(() => rleIou(empty, other), invalid(/4x3 and 3x4/))
  t.throws(() => mergeRles([empty, other]), invalid(/4x3 and 3x4/))
  t.throws(() => mergeRles([]), invalid(/at least one/))
})

t.test('polygons and boxes', async t => {
  const { data, width, height } = drawMask('.....', '.##..', '.##..', '.....')
  t.same(decodeRle(polygonsToRle([[1, 1, 1, 3, 3, 3, 3, 1]], width, height)), data)
  t.same(decodeRle(boxToRle({ x: 1, y: 1, width: 2, height: 2 }, width, height)), data)
  const twice = [1, 1, 3, 1, 1, 1, 3, 1, 3, 3, 1, 3]
  t.same(decodeRle(polygonsToRle([twice], width, height)), data, 'an edge there, back and there')
  t.throws(() => polygonsToRle([[1, 1, 2, 2]], width, height), invalid(/three corners, got 4/))
  t.throws(() => polygonsToRle([[1, 1, 2, 2, Number.NaN, 0]], width, height), invalid(/three/))
  t.throws(() => polygonsToRle([], width, height), invalid(/at least one/))
})
