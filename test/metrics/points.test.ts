import t from 'tap'
import { centroid, meanPointScore, pointInMask, scorePoints } from '../../lib/metrics/points.js'
import { scoreVideoPoints } from '../../lib/metrics/video-points.js'
import { drawMask } from '../support/masks.js'

// The values of many more answers are in test/parity/metrics.test.ts.

const target = (...rows: string[]) => {
  const mask = drawMask(...rows)
  return { mask, reference: centroid(mask)! }
}

const left = target('##....', '##....')
const right = target('....##', '....##')

t.test('points are rounded half to even and must lie inside the frame', async t => {
  const mask = drawMask('#..', '..#')
  t.ok(pointInMask({ x: 0.5, y: 0.5 }, mask))
  t.ok(pointInMask({ x: -0.5, y: 0 }, mask))
  t.ok(pointInMask({ x: 1.5, y: 1.4 }, mask))
  t.notOk(pointInMask({ x: 3, y: 1 }, mask))
  t.notOk(pointInMask({ x: Number.NaN, y: 0 }, mask))
})

t.test('a point counts for the object that it is paired with', async t => {
  const both = [
    { x: 0, y: 0 },
    { x: 1, y: 1 },
  ]
  // The second point is left over for the right object, and misses it.
  t.match(scorePoints(both, [left, right]), { precision: 0.5, recall: 0.5 })
  t.match(scorePoints(both, [left, right], 'any'), { precision: 1, recall: 0.5 })
  const perfect = scorePoints([right.reference, left.reference], [left, right])
  t.match(perfect, { precision: 1, recall: 1, f1: 2 / (2 + 1e-10) })
})

t.test('coordinates that are no numbers are refused', async t => {
  const invalid = { code: 'INVALID_ARGUMENT', message: /finite coordinates, got \(NaN,0\)/ }
  t.throws(() => scorePoints([{ x: Number.NaN, y: 0 }], [left]), invalid)
  const target = { mask: left.mask, reference: { x: Number.NaN, y: 0 } }
  t.throws(() => scorePoints([{ x: 0, y: 0 }], [target]), invalid)
  const reference = { time: 0, x: 0, y: 0 }
  const extent = { width: 6, height: 2, duration: 0 }
  const objects = [{ reference, tube: new Map([[0, left.mask]]) }]
  t.throws(() => scoreVideoPoints([reference], objects, extent), { code: 'INVALID_ARGUMENT' })
})

t.test('nothing to point at, and nothing pointed at', async t => {
  const [one, none] = [
    { precision: 1, recall: 1, f1: 1 },
    { precision: 0, recall: 0, f1: 0 },
  ]
  const extent = { width: 6, height: 2, duration: 1 }
  for (const protocol of ['molmo', 'any'] as const) {
    t.same(scorePoints([], [], protocol), one)
    t.same(scorePoints([{ x: 0, y: 0 }], [], protocol), none)
    t.same(scorePoints([], [left], protocol), none)
  }
  t.same(scoreVideoPoints([], [], extent), one)
  t.same(scoreVideoPoints([{ time: 0, x: 0, y: 0 }], [], extent), none)
})

t.test('a video point needs a mask at exactly its time', async t => {
  const extent = { width: 6, height: 2, duration: 10 }
  const reference = { time: 1, ...left.reference }
  const tube = new Map([
    [0.5, right.mask],
    [1, left.mask],
  ])
  const score = (time: number) =>
    scoreVideoPoints([{ time, x: 0, y: 0 }], [{ reference, tube }], extent)
  t.match(score(1), { precision: 1, recall: 1 })
  t.match(score(0.5), { precision: 0 }, 'the mask of that time is elsewhere')
  t.match(score(1.1), { precision: 0 }, 'no mask at that time')
})

t.test('video points are compared in percent with one decimal', async t => {
  const extent = { width: 100, height: 100, duration: 1 }
  const [hit, miss] = [drawMask('...........', '.........##'), drawMask('#')]
  const said = { time: 0, x: 10, y: 1 }
  /** Whether the point is paired with the reference that is `near` and not with the other. */
  const takes = (near: [number, number], other: [number, number]) => {
    const objects = [
      { mask: hit, at: near },
      { mask: miss, at: other },
    ].map(({ mask, at: [dx, dy] }) => ({
      reference: { time: 0, x: 10 + dx, y: 1 + dy },
      tube: new Map([[0, mask]]),
    }))
    return scoreVideoPoints([said], objects, extent).precision === 1
  }
  t.ok(takes([0.14, 0], [0.06, 0.06]), '0.1 is less than 0.1 both ways')
  t.ok(takes([0.25, 0], [0.1, 0.2]), '10.25 becomes 10.2')
  t.notOk(takes([0.26, 0], [0.1, 0.2]))
})

t.test('F1 is averaged, not computed from the averages', async t => {
  const scores = [
    { precision: 1, recall: 0, f1: 0 },
    { precision: 0, recall: 1, f1: 0 },
  ]
  t.same(meanPointScore(scores), { precision: 0.5, recall: 0.5, f1: 0 })
  t.equal(meanPointScore([]), null)
  t.equal(centroid(drawMask('..')), null)
})
