import { boundaryMap, scoreMasks } from '../../../lib/metrics/masks.js'
import { parityAddon } from '../addon.js'
import type { GoldenSet } from './golden.js'
import { maskAt } from './metrics.js'
import type { Report, Score } from './report.js'

interface MaskCase {
  name: string
  gt: number
  pred: number
  void: number | null
  bound_th?: number
  expected: { J: number; F: number }
}

/** J, F and the counts behind them, boundary maps and disks. */
export function checkMasks(set: GoldenSet, report: Report): void {
  const scores: Record<'J' | 'F', Score[]> = { J: [], F: [] }
  const counts: number[] = []
  const cases = set.cases!.cases as MaskCase[]
  for (const { name, gt, pred, void: ignored, bound_th, expected } of cases) {
    const score = scoreMasks(maskAt(set, gt), maskAt(set, pred), {
      ...(ignored === null ? {} : { ignored: maskAt(set, ignored) }),
      ...(bound_th === undefined ? {} : { bound: bound_th }),
    })
    scores.J.push({ of: name, actual: score.j, expected: expected.J })
    scores.F.push({ of: name, actual: score.f, expected: expected.F })
    counts.push(score.intersection, score.union, score.radius, score.predictedBoundary)
    counts.push(score.truthBoundary, score.predictedMatches, score.truthMatches)
  }
  report.scores('J', scores.J, 1e-12)
  report.scores('F', scores.F, 1e-12)
  report.exact('counts', counts)
  checkBoundaries(set, report)
  checkDisks(set, report)
}

function checkBoundaries(set: GoldenSet, report: Report): void {
  const table = set.expected['bmap.table']!
  let wrong = 0
  for (let row = 0; row < table.shape[0]!; row++) {
    const map = boundaryMap(maskAt(set, (table.data as Int32Array)[row * 4]!))
    if (Buffer.compare(map, maskAt(set, row, 'bmap').data) !== 0) wrong++
  }
  report.check('bmap.bits', wrong === 0, `${wrong} boundary maps differ`)
  report.skip('bmap.table', 'says where the boundary maps are')
}

/** Rows of half widths for radius 1, 2, ..., padded with -1. */
function checkDisks(set: GoldenSet, report: Report): void {
  const [radii, columns] = set.expected['disk.halfwidth']!.shape as [number, number]
  const halfWidths = Array.from({ length: radii }, (_, i) => {
    const { half_widths } = parityAddon().runOp('disk_half_widths', {}, { radius: i + 1 })
    const row = Array.from(half_widths!.data as Int32Array)
    return [...row, ...new Array<number>(columns - row.length).fill(-1)]
  })
  report.exact('disk.halfwidth', halfWidths.flat())
}
