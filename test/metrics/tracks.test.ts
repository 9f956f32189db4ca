import t from 'tap'
import { scoreHota } from '../../lib/metrics/hota.js'
import { scorePointTracks } from '../../lib/metrics/point-tracks.js'
import { frameOfTime, scoreTracks } from '../../lib/metrics/tracks.js'
import { drawMask } from '../support/masks.js'

// The values of many more tracks are in test/parity/metrics.test.ts.

const left = drawMask('##....')
const right = drawMask('....##')
const objects = [
  { id: 'a', masks: new Map([[0, left]]) },
  {
    id: 'b',
    masks: new Map([
      [0, right],
      [1, right],
    ]),
  },
]
const [onLeft, onRight] = [
  { x: 0, y: 0 },
  { x: 5, y: 0 },
]
const truth = new Map([
  [
    0,
    new Map([
      ['a', onLeft],
      ['b', onRight],
    ]),
  ],
  // The first object has left.
  [1, new Map([['b', onRight]])],
])

t.test('by id, an object that left does not shift the masks of the others', async t => {
  const whole = scoreTracks(truth, truth, objects, 'by-id')
  t.match(whole, { precision: 1, recall: 1, hota: 1, detA: 1, assA: 1, frames: 2 })
  const reference = scoreTracks(truth, truth, objects)
  t.match(reference, { precision: 0.5, recall: 0.5, detPr: 2 / 3, detRe: 2 / 3 })
})

t.test('ids that change lower the association, not the detection', async t => {
  const renamed = new Map([
    [0, truth.get(0)!],
    [1, new Map([['c', onRight]])],
  ])
  const score = scoreTracks(renamed, truth, objects, 'by-id')
  t.match(score, { precision: 1, recall: 1, detA: 1 })
  t.equal(score.assA, (1 + 1 / 2 + 1 / 2) / 3)
})

t.test('of two points on one object the track that fits better over the clip counts', async t => {
  const frame = (truth: number[], predicted: number[], similarity: number[][]) => ({
    truth,
    predicted,
    similarity,
  })
  const frames = [
    ...new Array(6).fill(frame([0], [0, 1], [[1, 1]])),
    frame([0], [0], [[1]]),
    ...new Array(3).fill(frame([], [0], [])),
  ]
  // The first track has 4 / 13 of the object, the second 3 / 10.
  const { assA, detA } = scoreHota(frames, 1, 2)
  t.equal(assA, 49 / 10 / 7)
  t.equal(detA, 7 / 16)
})

t.test('nothing anywhere is perfect, an empty frame on one side is not', async t => {
  const nothing = scoreTracks(new Map(), new Map(), objects)
  t.match(nothing, { precision: 1, recall: 1, f1: 1, hota: 1, frames: 0 })
  const extra = new Map([[7, new Map([['x', onLeft]])]])
  t.match(scoreTracks(extra, new Map(), objects), { precision: 0, hota: 0, locA: 1 })
})

t.test('times become frames half to even', async t => {
  t.equal(frameOfTime(0.5, 5), 2)
  t.equal(frameOfTime(1.5, 1), 2)
})

t.test('point tracks: distance below the threshold, the query frame aside', async t => {
  const track = (x: number, occluded = [false, false, false]) => ({
    positions: [0, x, 3 * x].map(at => ({ x: at, y: 0 })),
    occluded,
  })
  const queries = [{ queryFrame: 0, truth: track(0), predicted: track(1) }]
  const score = scorePointTracks(queries)
  t.same(score?.within, [0, 0.5, 1, 1, 1], 'distances 1 and 3')
  t.same(score?.jaccard, [0, 1 / 3, 1, 1, 1])
  t.equal(score?.occlusionAccuracy, 1)
  const late = [{ ...queries[0]!, queryFrame: 1 }]
  t.same(scorePointTracks(late)?.within, [0, 0, 1, 1, 1])
  t.same(scorePointTracks(late, 'strided')?.within, [0.5, 0.5, 1, 1, 1])
})

t.test('point tracks: nothing to see, and tracks that do not fit together', async t => {
  const hidden = { positions: [onLeft, onLeft], occluded: [true, true] }
  t.equal(scorePointTracks([{ queryFrame: 0, truth: hidden, predicted: hidden }]), null)
  t.equal(scorePointTracks([]), null)
  const short = { positions: [onLeft], occluded: [false] }
  t.throws(() => scorePointTracks([{ queryFrame: 0, truth: hidden, predicted: short }]), {
    code: 'INVALID_ARGUMENT',
    message: /got 2, 2, 1, 1/,
  })
})
