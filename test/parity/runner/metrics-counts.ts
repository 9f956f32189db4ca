import { readCount, scoreCounts } from '../../../lib/metrics/counts.js'
import type { GoldenSet } from './golden.js'
import type { Report, Score } from './report.js'

interface ListCase {
  name: string
  pred: number[]
  gt: number[]
  expected: { ema: number; mae: number; close: number; close_molmo2: number }
}

interface TextCase {
  text: string
  expected: {
    molmo1: number | null
    molmo1_none_fixed: number | null
    molmo2_video: number | null
  }
}

export function checkCounts(set: GoldenSet, report: Report): void {
  const all: Record<'ema' | 'mae' | 'close' | 'closeRelative', Score[]> = {
    ema: [],
    mae: [],
    close: [],
    closeRelative: [],
  }
  for (const { name, pred, gt, expected } of set.cases!.lists as ListCase[]) {
    const score = scoreCounts(pred, gt)!
    const wanted = { ...expected, closeRelative: expected.close_molmo2 }
    for (const [value, list] of Object.entries(all)) {
      const key = value as keyof typeof all
      list.push({ of: name, actual: score[key], expected: wanted[key] })
    }
  }
  for (const [value, list] of Object.entries(all)) report.scores(value, list, 1e-12)
  report.check('unreadable', scoreCounts([null, 2], [2, 2])?.unreadable === 1)
  for (const { text, expected } of set.cases!.text as TextCase[]) {
    const name = JSON.stringify(text)
    report.check(`molmo ${name}`, readCount(text) === expected.molmo1_none_fixed)
    const video = readCount(text, 'molmo2-video')
    report.check(`molmo2-video ${name}`, video === expected.molmo2_video)
  }
}
