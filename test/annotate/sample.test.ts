import t from 'tap'
import { bestOf } from '../../lib/annotate/choose.js'
import { drawPoints } from '../../lib/annotate/sample.js'

// Draws and choices of many more masks are in test/parity/metrics.test.ts.

t.test('the ends of the range and masks without pixels', async t => {
  const distances = Int32Array.of(-1, 0, 4, -1, 9, 0)
  const middle = { x: 2, y: 0 }
  const lower = { x: 1, y: 1 }
  t.same(drawPoints(distances, 3, [0, 0.39, 0.4, 1 - 2 ** -53]), [middle, middle, lower, lower])
  t.same(drawPoints(Int32Array.of(-1, -1), 2, [0.5]), [])
  t.same(drawPoints(Int32Array.of(0, -1, 0, 0), 4, [0, 0.34, 0.99]), [
    { x: 0, y: 0 },
    { x: 2, y: 0 },
    { x: 3, y: 0 },
  ])
})

t.test('the best candidate is the earliest on a tie', async t => {
  t.equal(bestOf([0.25, 0.5, 0.5]), 1)
  t.equal(bestOf([0, 0]), 0)
})
