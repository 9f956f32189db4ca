import type { AddonFusion, AddonTensor } from '../../../lib/engine/addon.js'
import { addon } from '../../../lib/engine/loader.js'
import type { GoldenSet } from './golden.js'
import { Report } from './report.js'
import { checkSchedule, type ScheduleCase } from './schedule.js'
import { i32, row, u8 } from './tensors.js'

/** cases.json numbers the branches so. */
const BRANCHES: Record<AddonFusion['branch'], number> = {
  empty: 0,
  forward: 1,
  backward: 2,
  intersection: 3,
  union: 4,
}

export async function runFusion(set: GoldenSet): Promise<Report> {
  const report = new Report(set, 'fusion')
  const taus = set.config.tau as number[]
  const groups = set.caseNames('forward')
  for (const group of groups) {
    const forward = set.input(`${group}.forward`)
    const backward = set.input(`${group}.backward`)
    for (const tau of taus) {
      const results: AddonFusion[] = []
      for (let i = 0; i < forward.shape[0]!; i++) {
        results.push(fuse(union(row(forward, i)), union(row(backward, i)), tau))
      }
      compare(set, report, group, `tau${String(tau).replace('.', '')}`, results)
    }
  }
  const schedule = set.cases?.schedule as { cases: ScheduleCase[] } | undefined
  for (const one of schedule?.cases ?? []) await checkSchedule(report, one)
  return report.finish()
}

/** The union over the objects, [objects, H, W] -> [H, W]; a single mask [H, W] stays as it is. */
function union(masks: AddonTensor): AddonTensor {
  if (masks.shape.length === 2) return masks
  const [objects, height, width] = masks.shape as [number, number, number]
  const joined = new Uint8Array(height * width)
  for (let o = 0; o < objects; o++) {
    const mask = row(masks, o).data as Uint8Array
    for (let i = 0; i < joined.length; i++) joined[i]! |= mask[i]!
  }
  return u8([height, width], joined)
}

function fuse(forward: AddonTensor, backward: AddonTensor, tau: number): AddonFusion {
  const mask = (tensor: AddonTensor) => ({
    data: tensor.data as Uint8Array,
    height: tensor.shape[0]!,
    width: tensor.shape[1]!,
  })
  return addon().fuseMasks(mask(forward), mask(backward), { tau, strategy: 'bidirectional' })
}

function compare(
  set: GoldenSet,
  report: Report,
  group: string,
  tau: string,
  results: AddonFusion[],
): void {
  const pixels = new Uint8Array(results.reduce((total, result) => total + result.data.length, 0))
  let at = 0
  for (const result of results) {
    pixels.set(result.data, at)
    at += result.data.length
  }
  const shape = set.expected[`${group}.${tau}.fused`]!.shape
  const actual: Record<string, AddonTensor> = {
    [`${group}.${tau}.fused`]: u8(shape, pixels),
    [`${group}.${tau}.branch`]: i32(
      [results.length],
      results.map(result => BRANCHES[result.branch]),
    ),
    [`${group}.intersection`]: i32(
      [results.length],
      results.map(result => result.intersection),
    ),
    [`${group}.union`]: i32(
      [results.length],
      results.map(result => result.union),
    ),
  }
  for (const [name, tensor] of Object.entries(actual)) {
    if (set.expected[name]) report.tensor(name, tensor)
  }
}
