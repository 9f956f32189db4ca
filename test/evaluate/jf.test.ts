import t from 'tap'
import { scoreBoundary } from '../../lib/evaluate/boundary.js'
import { countPixels, regionSimilarity } from '../../lib/evaluate/region.js'
import { type PackedMask, readFixture, unpackMask } from '../support/fixtures.js'

interface JfFixture {
  masks: PackedMask[]
  cases: {
    name: string
    gt: number
    pred: number
    void: number | null
    bound_th?: number
    expected: { [name: string]: number }
  }[]
}

t.test('J and F are those of the DAVIS evaluation, counts and all', async t => {
  const { masks, cases } = readFixture<JfFixture>('metrics/jf.json')
  t.ok(cases.length > 100)
  for (const { name, gt, pred, void: ignoredRow, bound_th, expected } of cases) {
    const [truth, predicted] = [unpackMask(masks[gt]!), unpackMask(masks[pred]!)]
    const ignored = ignoredRow === null ? undefined : unpackMask(masks[ignoredRow]!).data
    const counts = countPixels(truth, predicted, ignored)
    const score = scoreBoundary(truth, predicted, ignored, bound_th)
    t.match(
      {
        inter: counts.intersection,
        union: counts.union,
        radius: score.radius,
        n_pred: score.predictedPixels,
        n_gt: score.truthPixels,
        pred_match: score.predictedMatches,
        gt_match: score.truthMatches,
      },
      { ...expected, J: undefined, F: undefined },
      name,
    )
    const j = regionSimilarity(truth, predicted, ignored)
    t.ok(Math.abs(j - expected.J!) <= 1e-12, `${name}: J ${j}, expected ${expected.J}`)
    t.ok(Math.abs(score.f - expected.F!) <= 1e-12, `${name}: F ${score.f}, expected ${expected.F}`)
  }
})

t.test('masks of different sizes are refused', async t => {
  const small = { data: new Uint8Array(4), width: 2, height: 2 }
  const wide = { data: new Uint8Array(4), width: 4, height: 1 }
  t.throws(() => regionSimilarity(small, wide), {
    code: 'INVALID_ARGUMENT',
    message: /2x2 and 4x1/,
  })
  t.throws(() => scoreBoundary(small, wide), { code: 'INVALID_ARGUMENT' })
})
