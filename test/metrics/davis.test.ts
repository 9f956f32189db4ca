import t from 'tap'
import { scoreSemiSupervised, scoreUnsupervised } from '../../lib/metrics/davis.js'
import { statisticsOf, totalScore } from '../../lib/metrics/statistics.js'
import { drawLabels } from '../support/masks.js'

// The values of the reference on small data sets are in test/parity/metrics.test.ts.

const truth = drawLabels('1.22', '1.22')
const swapped = drawLabels('2.11', '2.11')
const frames = [truth, truth, truth, truth]

t.test('semi-supervised: label by label, without the first and the last frame', async t => {
  const scores = scoreSemiSupervised(frames, [swapped, truth, null, swapped])
  t.equal(scores.length, 2)
  for (const { j } of scores) t.same(j, [1, 0])
  t.match(totalScore(scores), { j: { mean: 0.5, recall: 0.5, decay: 1 } })
  const three = drawLabels('1.23', '1.22')
  t.same(scoreSemiSupervised(frames, [three, truth, truth, three])[0]?.j, [1, 1])
  t.throws(() => scoreSemiSupervised(frames, [truth, three, truth, truth]), {
    code: 'INVALID_ARGUMENT',
    message: /label 3, but the sequence has 2 objects/,
  })
  t.throws(() => scoreSemiSupervised(frames, [truth]), { code: 'INVALID_ARGUMENT' })
})

t.test('semi-supervised: label 255 is background', async t => {
  const marked = { ...truth, data: truth.data.map(label => label || 255) }
  const scores = scoreSemiSupervised([marked, marked, marked], [truth, truth, truth])
  t.same(
    scores.map(({ j }) => j),
    [[1], [1]],
  )
})

t.test('unsupervised: proposals find their objects, spare ones cost nothing', async t => {
  const spare = drawLabels('2311', '2.11')
  const scores = scoreUnsupervised(frames, [swapped, swapped, swapped, spare])
  t.match(scores, [
    { object: 2, proposal: 1, j: [1, 1, 1, 1] },
    { object: 1, proposal: 2, j: [1, 1, 1, 1] },
  ])
  const lone = scoreUnsupervised([truth], [drawLabels('1...', '1...')])
  t.match(lone, [
    { object: 1, j: [1] },
    { object: 2, j: [0] },
  ])
  t.throws(() => scoreUnsupervised([truth], [swapped], { maxProposals: 1 }), {
    code: 'INVALID_ARGUMENT',
    message: /label 2, but at most 1 proposals/,
  })
})

t.test('unsupervised: void pixels count for neither side', async t => {
  const data = Uint8Array.of(1, 1, 255, 255, 1, 1, 255, 255)
  const marked = { data, width: 4, height: 2 }
  const over = drawLabels('1111', '1111')
  t.same(scoreUnsupervised([marked], [over])[0]?.j, [1])
})

t.test('recall is above 0.5, decay is the first quarter less the last', async t => {
  t.same(statisticsOf([]), { mean: null, recall: null, decay: null })
  t.same(statisticsOf([0.5]), { mean: 0.5, recall: 0, decay: 0 })
  const falling = Array.from({ length: 401 }, (_, i) => 1 - i / 400)
  const { mean, recall, decay } = statisticsOf(falling)
  t.equal(Math.round(mean! * 1e9) / 1e9, 0.5)
  t.equal(recall, 200 / 401)
  t.equal(Math.round(decay! * 1e9) / 1e9, 0.75, 'more than 256 frames')
  t.equal(statisticsOf([1, 1, 0, 0, 0, 0, 0]).decay, 2 / 3, 'borders in the middle go up')
  t.same(totalScore([]).jf, null)
})
