import type { ScoredMask } from '../../../lib/metrics/masks.js'
import type { GoldenSet } from './golden.js'
import { checkCounts } from './metrics-counts.js'
import { checkFolders } from './metrics-folders.js'
import { checkMasks } from './metrics-masks.js'
import { checkPoints } from './metrics-points.js'
import { checkRle } from './metrics-rle.js'
import { checkSampling } from './metrics-sampling.js'
import { checkTracks } from './metrics-tracks.js'
import { Report } from './report.js'

/** What tells the sets apart: a key of cases.json that only this kind has. */
const KINDS: Record<
  string,
  [kind: string, check: (set: GoldenSet, report: Report) => void | Promise<void>]
> = {
  best: ['sampling', checkSampling],
  lists: ['counts', checkCounts],
  video: ['points', checkPoints],
  algebra: ['run lengths', checkRle],
  tapvid: ['tracks', checkTracks],
}

function kindOf(set: GoldenSet) {
  if (set.expected['bmap.table']) return ['masks', checkMasks] as const
  if (set.expected.palette) return ['folders', checkFolders] as const
  return Object.entries(KINDS).find(([key]) => set.cases?.[key])?.[1]
}

export const isMetric = (set: GoldenSet): boolean => kindOf(set) !== undefined

/** Scores and encodings: no model, every value within an absolute tolerance. */
export async function runMetrics(set: GoldenSet): Promise<Report> {
  const [kind, check] = kindOf(set)!
  const report = new Report(set, kind)
  await check(set, report)
  return report.finish()
}

/** Row `index` of the set's masks: height, width and offset in bytes, most significant bit first. */
export function maskAt(set: GoldenSet, index: number, of = 'masks'): ScoredMask {
  const tensors = of === 'masks' ? set.inputs : set.expected
  const table = tensors[`${of}.table`]!
  const columns = table.shape[1]!
  const row = Array.from(table.data as Int32Array).slice(index * columns, (index + 1) * columns)
  const [height, width, offset] = row.slice(-3) as [number, number, number]
  const bits = tensors[`${of}.bits`]!.data as Uint8Array
  const bit = (at: number) => (bits[offset + (at >> 3)]! >> (7 - (at & 7))) & 1
  return { data: Uint8Array.from({ length: width * height }, (_, at) => bit(at)), width, height }
}
