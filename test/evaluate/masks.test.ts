import t from 'tap'
import { scoreMasks } from '../../lib/evaluate/masks.js'
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
  for (const { name, gt, pred, void: ignored, bound_th, expected } of cases) {
    const [truth, predicted] = [unpackMask(masks[gt]!), unpackMask(masks[pred]!)]
    const options = {
      ...(ignored === null ? {} : { ignored: unpackMask(masks[ignored]!) }),
      ...(bound_th === undefined ? {} : { bound: bound_th }),
    }
    const score = scoreMasks(truth, predicted, options)
    t.match(
      {
        inter: score.intersection,
        union: score.union,
        radius: score.radius,
        n_pred: score.predictedBoundary,
        n_gt: score.truthBoundary,
        pred_match: score.predictedMatches,
        gt_match: score.truthMatches,
      },
      { ...expected, J: undefined, F: undefined },
      name,
    )
    const { j, f } = score
    t.ok(Math.abs(j - expected.J!) <= 1e-12, `${name}: J ${j}, expected ${expected.J}`)
    t.ok(Math.abs(f - expected.F!) <= 1e-12, `${name}: F ${f}, expected ${expected.F}`)
  }
})

t.test('masks of different sizes and bad bounds are refused', async t => {
  const small = { data: new Uint8Array(4), width: 2, height: 2 }
  const wide = { data: new Uint8Array(4), width: 4, height: 1 }
  const invalid = { code: 'INVALID_ARGUMENT' }
  t.throws(() => scoreMasks(small, wide), { ...invalid, message: /2 x 2 and 4 x 1/ })
  t.throws(() => scoreMasks(small, small, { ignored: wide }), { ...invalid, message: /4 x 1/ })
  for (const bound of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => scoreMasks(small, small, { bound }), { ...invalid, message: /bound must be/ })
  }
})
