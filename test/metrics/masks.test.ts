import t from 'tap'
import * as evaluate from '../../lib/evaluate.js'
import { Mask } from '../../lib/index.js'
import { boundaryMap, scoreMasks } from '../../lib/metrics/masks.js'
import { drawMask } from '../support/masks.js'

// The values of many more masks are in test/parity/metrics.test.ts.

const square = drawMask('......', '.##...', '.##...', '......', '......')

t.test('J is intersection over union, F compares boundaries within a disk', async t => {
  const wide = drawMask('......', '.###..', '.###..', '......', '......')
  const { j, f, precision, recall, ...counts } = scoreMasks(square, wide)
  t.equal(j, 4 / 6)
  t.equal(counts.radius, 1)
  // The square's line goes around it in rows 0 to 2; the wider one adds a column on the right.
  t.match(counts, { intersection: 4, union: 6, truthBoundary: 8, predictedBoundary: 10 })
  t.equal(precision, counts.predictedMatches / 10)
  t.equal(recall, counts.truthMatches / 8)
  t.equal(f, (2 * precision * recall) / (precision + recall))
  const swapped = scoreMasks(wide, square)
  t.match(swapped, { j, f, precision: recall, recall: precision })
})

t.test('no boundary is not empty', async t => {
  const empty = drawMask('...', '...')
  const full = drawMask('###', '###')
  t.match(scoreMasks(empty, empty), { j: 1, f: 1 })
  t.match(scoreMasks(full, empty), { j: 0, f: 1 })
  const part = drawMask('#..', '...')
  t.match(scoreMasks(part, empty), { j: 0, f: 0, precision: 1, recall: 0 })
  t.match(scoreMasks(empty, part), { j: 0, f: 0, precision: 0, recall: 1 })
})

t.test('ignored pixels are outside of both masks', async t => {
  const predicted = drawMask('......', '.##...', '......', '......', '......')
  const ignored = drawMask('......', '......', '.##...', '......', '......')
  t.match(scoreMasks(square, predicted, { ignored }), { j: 1, f: 1, union: 2 })
})

t.test('the boundary lies before the change, seen from the top left', async t => {
  const expected = drawMask('###...', '#.#...', '###...', '......', '......')
  t.same(boundaryMap(square), expected.data)
})

t.test('values other than 1 are object', async t => {
  const bright = { ...square, data: square.data.map(value => value * 255) }
  t.match(scoreMasks(square, bright), { j: 1, f: 1 })
})

t.test('users find it under evaluate, and a Mask will do', async t => {
  const mask = new Mask(square.data, square.width, square.height)
  t.match(evaluate.scoreMasks(mask, mask), { j: 1, f: 1 })
})

t.test('masks of different sizes and bad bounds are refused', async t => {
  const wide = drawMask('####')
  const small = drawMask('##', '##')
  const invalid = { code: 'INVALID_ARGUMENT' }
  t.throws(() => scoreMasks(small, wide), { ...invalid, message: /2 x 2 and 4 x 1/ })
  t.throws(() => scoreMasks(small, small, { ignored: wide }), { ...invalid, message: /4 x 1/ })
  t.throws(() => boundaryMap(small, wide), { ...invalid, message: /4 x 1/ })
  for (const bound of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => scoreMasks(small, small, { bound }), { ...invalid, message: /bound must be/ })
  }
  t.equal(scoreMasks(small, small, { bound: 3 }).radius, 3)
})
