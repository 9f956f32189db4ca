import type { Dataset } from '../datasets/dataset.js'
import { resultParts } from '../datasets/results.js'
import type { Evaluation, SequenceRecord } from '../evaluate/run.js'
import type { ItemScore } from '../evaluate/score-sequence.js'
import { type TotalScore, totalScore } from '../metrics/statistics.js'

/** Means over sentences or objects, each of them a mean over its frames. */
export interface Figures extends TotalScore {
  /** Sentences or objects that were scored. */
  items: number
}

export interface NamedFigures extends Figures {
  name: string
}

export interface Summary extends Figures {
  sequences: number
  /** Sentences that the data set has; null where objects are scored. */
  expected: number | null
  subsets: NamedFigures[]
  kinds: NamedFigures[]
  perSequence: NamedFigures[]
  /** Frames times sentences that models went through, and their seconds. */
  time: { frames: number; seconds: number } | null
}

/** Items without a scored frame are left out. */
export function figuresOf(items: readonly ItemScore[]): Figures {
  const scored = items.filter(({ frames }) => frames.length > 0)
  return { items: scored.length, ...totalScore(scored) }
}

function grouped<T>(
  list: readonly T[],
  name: (entry: T) => string | undefined,
  items: (entry: T) => readonly ItemScore[],
): NamedFigures[] {
  const groups = new Map<string, ItemScore[]>()
  for (const entry of list) {
    const key = name(entry)
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), ...items(entry)])
  }
  return [...groups].map(([key, members]) => ({ name: key, ...figuresOf(members) }))
}

function expectedItems(dataset: Dataset): number | null {
  if (dataset.protocol !== 'per_expression') return null
  return dataset.sequences.reduce((sum, next) => sum + resultParts(dataset, next).length, 0)
}

function timeOf(records: readonly SequenceRecord[]): Summary['time'] {
  const times = records.flatMap(({ time }) => time ?? [])
  if (times.length === 0) return null
  const sum = (key: 'frames' | 'seconds') => times.reduce((total, time) => total + time[key], 0)
  return { frames: sum('frames'), seconds: sum('seconds') }
}

/** The data set's scores, and those of its parts. */
export function summarize({ dataset, records }: Evaluation): Summary {
  const items = records.flatMap(record => record.items)
  return {
    ...figuresOf(items),
    sequences: records.length,
    expected: expectedItems(dataset),
    subsets: grouped(
      records,
      record => record.subset,
      record => record.items,
    ),
    kinds: grouped(
      items,
      item => item.kind,
      item => [item],
    ),
    perSequence: grouped(
      records,
      record => record.id,
      record => record.items,
    ),
    time: timeOf(records),
  }
}
