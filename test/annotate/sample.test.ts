import t from 'tap'
import { bestOf, iou } from '../../lib/annotate/choose.js'
import { drawPoints, uniformDraws } from '../../lib/annotate/sample.js'
import { addon } from '../../lib/engine/loader.js'
import { Mask } from '../../lib/formats/mask.js'
import { type PackedMask, readFixture, unpackMask } from '../support/fixtures.js'

interface SamplingFixture {
  masks: PackedMask[]
  cases: {
    name: string
    mask: number
    u: number[]
    expected: { max_d2: number; boundary_pixels: number; points: [number, number][] }
  }[]
  best: {
    name: string
    gt: number
    candidates: number[]
    expected: { iou: number[]; best: number }
  }[]
}

const { masks, cases, best } = readFixture<SamplingFixture>('metrics/sampling.json')

const toMask = (row: number) => {
  const { data, width, height } = unpackMask(masks[row]!)
  return new Mask(data, width, height)
}

t.test('points are drawn as equation 7 has it', async t => {
  t.ok(cases.length >= 9)
  for (const { name, mask: row, u, expected } of cases) {
    t.same(uniformDraws(`sample:${name}`, u.length), u, `draws of ${name}`)
    const { data, width, height } = toMask(row)
    const distances = addon().rimDistances({ data, width, height })
    t.equal(Math.max(...distances), expected.max_d2, name)
    t.equal(distances.filter(distance => distance === 0).length, expected.boundary_pixels, name)
    const points = drawPoints(distances, width, u)
    t.same(
      points.map(({ x, y }) => [x, y]),
      expected.points,
      name,
    )
  }
})

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

t.test('the best candidate is that of equation 8', async t => {
  t.ok(best.length >= 6)
  for (const { name, gt, candidates, expected } of best) {
    const ious = candidates.map(row => iou(toMask(row), toMask(gt)))
    for (const [i, value] of ious.entries()) {
      t.ok(Math.abs(value - expected.iou[i]!) < 1e-12, `${name}, candidate ${i}: ${value}`)
    }
    t.equal(bestOf(ious), expected.best, name)
  }
  t.equal(bestOf([0.25, 0.5, 0.5]), 1, 'the earliest on a tie')
})
