import type { MaskRecord, PointRecord } from '../evaluate/sentence.js'
import { toMarkdown } from '../formats/table.js'
import { meanOf } from '../metrics/statistics.js'

export const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  toMarkdown({ head, rows })

export const figure = (value: number | null) =>
  value !== null && Number.isFinite(value) ? value.toFixed(3) : '-'

function byKind<T extends { kind: string }>(records: readonly T[]): [string, readonly T[]][] {
  const kinds = [...new Set(records.map(({ kind }) => kind))].sort()
  return [
    ...kinds.map((kind): [string, readonly T[]] => [kind, records.filter(r => r.kind === kind)]),
    ['**all**', records],
  ]
}

/** Precision, recall, F1 and counts per kind of sentence. */
export function pointTable(records: readonly PointRecord[]): string {
  const head = ['sentences', 'asked', 'precision', 'recall', 'F1', 'count exact']
  const rows = byKind(records).map(([kind, list]) => [
    kind,
    String(list.length),
    figure(meanOf(list.map(r => r.precision))),
    figure(meanOf(list.map(r => r.recall))),
    figure(meanOf(list.map(r => r.f1))),
    figure(meanOf(list.map(r => +r.countExact))),
  ])
  return table(head, rows)
}

/** J, F and J&F; the data set's score is the mean over sentences. */
export function maskFigures(records: readonly MaskRecord[]): [j: number, f: number, jf: number] {
  const j = meanOf(records.map(r => r.j)) ?? Number.NaN
  const f = meanOf(records.map(r => r.f)) ?? Number.NaN
  return [j, f, (j + f) / 2]
}

/** J, F and J&F per kind of sentence. */
export function maskTable(records: readonly MaskRecord[]): string {
  const rows = byKind(records).map(([kind, list]) => [
    kind,
    String(list.length),
    ...maskFigures(list).map(figure),
  ])
  return table(['sentences', 'asked', 'J', 'F', 'J&F'], rows)
}

/** One row per setting of a sweep. */
export function sweepTable(
  name: string,
  settings: readonly { label: string; masks: readonly MaskRecord[] }[],
): string {
  const rows = settings.map(({ label, masks }) => [label, ...maskFigures(masks).map(figure)])
  return table([name, 'J', 'F', 'J&F'], rows)
}
