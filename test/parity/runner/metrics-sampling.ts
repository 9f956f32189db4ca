import { bestOf, iou } from '../../../lib/annotate/choose.js'
import { drawPoints, uniformDraws } from '../../../lib/annotate/sample.js'
import { addon } from '../../../lib/engine/loader.js'
import { Mask } from '../../../lib/formats/mask.js'
import type { GoldenSet } from './golden.js'
import { maskAt } from './metrics.js'
import type { Report, Score } from './report.js'

interface SamplingCase {
  name: string
  mask: number
  u: number[]
  expected: { points: [x: number, y: number][] }
}

interface BestCase {
  name: string
  gt: number
  candidates: number[]
  expected: { iou: number[]; best: number }
}

function toMask(set: GoldenSet, index: number): Mask {
  const { data, width, height } = maskAt(set, index)
  return new Mask(data, width, height)
}

/** Equations 7 and 8 of the paper: distances, drawn points, the best candidate. */
export function checkSampling(set: GoldenSet, report: Report): void {
  for (const [i, { name, mask, u, expected }] of (set.cases!.cases as SamplingCase[]).entries()) {
    const shape = maskAt(set, mask)
    const distances = addon().rimDistances(shape)
    report.exact(`d2.${i}`, distances)
    report.values(`${name}: draws`, uniformDraws(`sample:${name}`, u.length), u, 0)
    const points = drawPoints(distances, shape.width, u)
    const wanted = expected.points.flat()
    report.values(
      `${name}: points`,
      points.flatMap(({ x, y }) => [x, y]),
      wanted,
      0,
    )
    report.skip(`p.${i}`, 'probabilities are not kept; the points drawn by them are compared')
  }
  const ious: Score[] = []
  for (const { name, gt, candidates, expected } of set.cases!.best as BestCase[]) {
    const found = candidates.map(row => iou(toMask(set, row), toMask(set, gt)))
    for (const [i, actual] of found.entries()) {
      ious.push({ of: `${name}, candidate ${i}`, actual, expected: expected.iou[i]! })
    }
    report.check(`${name}: best`, bestOf(found) === expected.best)
  }
  report.scores('iou', ious, 1e-12)
}
