import type { Evaluation } from '../evaluate/run.js'
import { type Table, toText } from '../formats/table.js'
import { meanOf } from '../metrics/statistics.js'
import { comparisons, comparisonTable, percent, SWAPPED_NOTE } from './comparison.js'
import type { NamedFigures, Summary } from './summary.js'

const HEAD = ['J&F', 'J', 'J recall', 'J decay', 'F', 'F recall', 'F decay']

function cells({ items, j, f, jf }: NamedFigures): string[] {
  const values = [jf, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay]
  return [String(items), ...values.map(percent)]
}

/** Scores of the whole and its subsets and kinds of sentences, in percent. */
export function scoreTable({ dataset }: Evaluation, summary: Summary): Table {
  const { title, split, protocol } = dataset
  const scored = protocol === 'per_expression' ? 'sentences' : 'objects'
  const parts = [...summary.subsets, ...summary.kinds]
  const rows = [...parts, { name: 'all', ...summary }]
  return {
    head: [`${title} ${split}, ${protocol}`, scored, ...HEAD],
    rows: rows.map(row => [row.name, ...cells(row)]),
  }
}

/** What the terminal shows at the end. */
export function describeEvaluation(evaluation: Evaluation, summary: Summary): string {
  const { records, resumed, failed, problems, dataset } = evaluation
  const parts: string[] = []
  if (summary.jf !== null) parts.push(toText(scoreTable(evaluation, summary)))
  const compared = comparisons(evaluation, summary)
  for (const comparison of compared) parts.push(toText(comparisonTable(comparison)))
  if (compared.some(({ rows }) => rows.some(({ swapped }) => swapped))) parts.push(SWAPPED_NOTE)
  const { items, expected } = summary
  const scored = expected === null ? `${items} objects` : `${items} of ${expected} sentences`
  const before = resumed > 0 ? ` (${resumed} by an earlier run)` : ''
  const lines = [
    `${records.length} of ${dataset.sequences.length} sequences${before}, ${scored} scored`,
  ]
  if (summary.time) {
    const { frames, seconds } = summary.time
    lines.push(`${frames} frames in ${seconds.toFixed(1)} s of model time`)
  }
  if (expected !== null && items < expected)
    lines.push(`${expected - items} sentences have no score`)
  if (failed.length > 0) lines.push(`left out: ${failed.join(', ')}`)
  for (const { path, detail } of problems.slice(0, 20)) lines.push(`${path}: ${detail}`)
  if (problems.length > 20) lines.push(`and ${problems.length - 20} more faults of files`)
  return [...parts, lines.join('\n')].join('\n\n')
}

const decimals = (value: number | null) => (value === null ? '' : value.toFixed(3))

/** The two tables that the DAVIS evaluation writes, as CSV. */
export function davisTables(
  evaluation: Evaluation,
  summary: Summary,
): [global: Table, each: Table] {
  const { j, f, jf } = summary
  const global = {
    head: ['J&F-Mean', 'J-Mean', 'J-Recall', 'J-Decay', 'F-Mean', 'F-Recall', 'F-Decay'],
    rows: [[jf, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay].map(decimals)],
  }
  const rows = evaluation.records.flatMap(({ id, items }) =>
    items.map(({ id: item, j, f }) => [`${id}_${item}`, ...[j, f].map(meanOf).map(decimals)]),
  )
  return [global, { head: ['Sequence', 'J-Mean', 'F-Mean'], rows }]
}
