import t from 'tap'
import { pointInMask, scorePoints } from '../../lib/evaluate/points.js'
import { type PackedMask, readFixture, unpackMask } from '../support/fixtures.js'

type Score = { precision: number; recall: number; f1: number }

interface PointsFixture {
  masks: PackedMask[]
  cases: {
    name: string
    masks: number[]
    gt: [number, number][]
    pred: [number, number][]
    expected: { molmo: Score; any: Score }
  }[]
}

const toPoints = (list: [number, number][]) => list.map(([x, y]) => ({ x, y }))

t.test('precision, recall and F1 of the Molmo protocol and of the paper wording', async t => {
  const { masks, cases } = readFixture<PointsFixture>('metrics/points.json')
  t.ok(cases.length > 50)
  for (const { name, masks: rows, gt, pred, expected } of cases) {
    const references = toPoints(gt)
    const objects = rows.map((row, i) => ({
      mask: unpackMask(masks[row]!),
      reference: references[i]!,
    }))
    const points = toPoints(pred)
    for (const protocol of ['molmo', 'any'] as const) {
      for (const value of ['precision', 'recall', 'f1'] as const) {
        const got = scorePoints(points, objects, protocol)[value]
        const wanted = expected[protocol][value]
        t.ok(Math.abs(got - wanted) <= 1e-12, `${name}: ${protocol} ${value} ${got} = ${wanted}`)
      }
    }
  }
})

t.test('points are rounded half to even and must lie inside the frame', async t => {
  const mask = { data: Uint8Array.from([1, 0, 0, 0, 0, 1]), width: 3, height: 2 }
  t.ok(pointInMask({ x: 0.5, y: 0.5 }, mask))
  t.ok(pointInMask({ x: -0.5, y: 0 }, mask))
  t.ok(pointInMask({ x: 1.5, y: 1.4 }, mask))
  t.notOk(pointInMask({ x: 3, y: 1 }, mask))
  t.notOk(pointInMask({ x: Number.NaN, y: 0 }, mask))
})
