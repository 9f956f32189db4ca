import { rowKey, type Sweep } from '../evaluate/sweep.js'
import type { SweepTable } from '../evaluate/sweep-tables.js'
import { type Table, toCsv, toMarkdown } from '../formats/table.js'
import { meanOf } from '../metrics/statistics.js'
import { escapeHtml, lineChart, type Series } from './charts.js'
import { htmlPage, htmlTable } from './html-report.js'
import { type PaperSettings, paperTable } from './paper.js'

/** Figures of one row: the run's and the paper's, by metric. */
interface RowFigures {
  label: string
  /** Null where the run has no such row. */
  own: { [metric: string]: number } | null
  paper: { [metric: string]: number } | null
}

/** A table of the run beside that of the paper. */
export interface SweepResult {
  table: SweepTable
  metrics: string[]
  rows: RowFigures[]
  /** Whose figures the paper's are. */
  source: { model: string; benchmark: string; metrics: string[] } | null
  /** What times were measured on; null for other tables. */
  machine: string | null
}

/** The paper's entry on this benchmark, else its first. */
function paperEntry(id: string, title: string): PaperSettings | undefined {
  const entries = paperTable(id)?.entries ?? []
  return entries.find(({ benchmark }) => benchmark === title) ?? entries[0]
}

function ownFigures(sweep: Sweep, table: SweepTable, key: string): RowFigures['own'] {
  if (table.measure === 'time') {
    const time = sweep.times.get(key)
    if (!time) return null
    const { frames, pointing, masks, total } = time
    return { pointing: pointing / frames, masks: masks / frames, total: total / frames }
  }
  const scores = sweep.scores.get(key) ?? []
  const [j, f] = [meanOf(scores.map(score => score.j)), meanOf(scores.map(score => score.f))]
  if (j === null || f === null) return null
  const f1 = meanOf(scores.flatMap(score => score.f1 ?? []))
  return { J: j, F: f, 'J&F': (j + f) / 2, ...(f1 === null ? {} : { F1: f1 }) }
}

const METRICS = {
  masks: ['J', 'F', 'J&F'],
  points: ['F1', 'J', 'F', 'J&F'],
  time: ['pointing', 'masks', 'total'],
} as const

/** Every table with its figures; rows that only the paper has come last. */
export function sweepResults(sweep: Sweep): SweepResult[] {
  return sweep.tables.map(table => {
    const entry = paperEntry(table.id, sweep.dataset.title)
    const columns = paperTable(table.id)?.columns ?? []
    // Percent in the paper, shares here.
    const unit = table.measure === 'time' ? 1 : 100
    const paperOf = (label: string | undefined) => {
      const values = label === undefined ? undefined : entry?.rows[label]
      if (!values) return null
      return Object.fromEntries(values.map((value, i) => [columns[i]!, value / unit]))
    }
    const rows = table.rows.map(row => ({
      label: row.label,
      own: ownFigures(sweep, table, rowKey(table, row)),
      paper: paperOf(row.paper),
    }))
    const covered = new Set(table.rows.map(({ paper }) => paper))
    const others = Object.keys(entry?.rows ?? {}).filter(label => !covered.has(label))
    const only = others.map(label => ({ label, own: null, paper: paperOf(label) }))
    const source = entry ? { ...entry, metrics: [...columns] } : null
    const machine = table.measure === 'time' ? sweep.machine : null
    return {
      table,
      metrics: [...METRICS[table.measure]],
      rows: [...rows, ...only],
      source,
      machine,
    }
  })
}

/** Shares as percent with two decimals, as the paper prints its sweeps. */
function cell(value: number | undefined, { measure }: SweepTable, whose: 'own' | 'paper'): string {
  if (value === undefined || Number.isNaN(value)) return '-'
  if (measure !== 'time') return (value * 100).toFixed(2)
  return value.toFixed(whose === 'own' ? 3 : 2)
}

export function tableTitle({ id, title }: SweepTable): string {
  return Number.isNaN(Number(id)) ? title : `${title} (table ${id})`
}

function toTable({ table, metrics, rows, source }: SweepResult): Table {
  const given = source?.metrics ?? []
  const head = [table.column, ...metrics, ...given.map(metric => `paper ${metric}`)]
  const lines = rows.map(({ label, own, paper }) => [
    label,
    ...metrics.map(metric => cell(own?.[metric], table, 'own')),
    ...given.map(metric => cell(paper?.[metric], table, 'paper')),
  ])
  return { head, rows: lines }
}

const unitOf = ({ measure }: SweepTable) => (measure === 'time' ? 'seconds per frame' : 'percent')

function note({ table, source, machine }: SweepResult): string {
  const where = machine ? `, on ${machine}` : ''
  const paper = source ? `; the paper's are those of ${source.model} on ${source.benchmark}` : ''
  return `Figures in ${unitOf(table)}${where}${paper}.`
}

const about = ({ dataset, sequences, sentences }: Sweep) =>
  `${dataset.title} ${dataset.split}: ${sequences} sequences, ${sentences} sentences; means over sentences.`

export function sweepMarkdown(sweep: Sweep): string {
  const parts = sweepResults(sweep).map(
    result =>
      `### ${tableTitle(result.table)}\n\n${note(result)}\n\n${toMarkdown(toTable(result))}`,
  )
  return `${[about(sweep), ...parts].join('\n\n')}\n`
}

/** One line per figure: table, setting, metric, the run's value and the paper's. */
export function sweepCsv(sweep: Sweep): string {
  const rows = sweepResults(sweep).flatMap(({ table, metrics, rows: lines, source }) =>
    lines.flatMap(({ label, own, paper }) =>
      metrics.map(metric => {
        const values = [cell(own?.[metric], table, 'own'), cell(paper?.[metric], table, 'paper')]
        const [value, printed] = values.map(text => (text === '-' ? '' : text))
        const setting = `${table.column}=${label}`
        return [table.id, setting, metric, value!, printed!, source?.benchmark ?? '']
      }),
    ),
  )
  const head = ['table', 'setting', 'metric', 'value', 'paper', 'paper benchmark']
  return toCsv({ head, rows })
}

const COLORS = { own: '#0f766e', paper: '#94a3b8' }

/** Low and high with some room, so that small differences show. */
function rangeOf(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = Math.max((high - low) * 0.12, 0.01)
  return [low - room, high + room]
}

/** J&F against the series' own best row, so that runs of different levels can be compared. */
function chart({ table, rows, source }: SweepResult): string {
  const isTime = table.measure === 'time'
  const metric = isTime ? 'total' : 'J&F'
  const line = (name: string, color: string, of: 'own' | 'paper'): Series => {
    const values = rows.map(row => row[of]?.[metric])
    const best = isTime ? 0 : Math.max(...values.map(value => value ?? Number.NEGATIVE_INFINITY))
    const unit = isTime ? 1 : 100
    const points = values.flatMap((value, i): [number, number][] =>
      value === undefined ? [] : [[i, (value - best) * unit]],
    )
    return { name, color, points }
  }
  const series = [
    line('this run', COLORS.own, 'own'),
    line(source ? `paper, ${source.benchmark}` : 'paper', COLORS.paper, 'paper'),
  ].filter(({ points }) => points.length > 0)
  const values = series.flatMap(({ points }) => points.map(([, y]) => y))
  if (values.length === 0) return ''
  return lineChart({
    title: isTime ? `Time by ${table.column}` : `J&F by ${table.column}, against the best row`,
    xLabel: table.column,
    yLabel: isTime ? 'seconds per frame' : 'points of J&F',
    xTicks: rows.map(({ label }, at) => ({ at, label: shorten(label) })),
    xRange: [-0.6, rows.length - 0.4],
    yRange: isTime ? [0, Math.max(...values) * 1.1] : rangeOf(values),
    series,
  })
}

const shorten = (label: string) => (label.length > 13 ? `${label.slice(0, 12)}…` : label)

/** The tables with a curve each, as one HTML file. */
export function sweepHtml(sweep: Sweep, settings: { [name: string]: unknown }): string {
  const parts = sweepResults(sweep).map(result => {
    const table = htmlTable(toTable(result))
    const text = `<p class="soft">${escapeHtml(note(result))}</p>`
    return `<h2>${escapeHtml(tableTitle(result.table))}</h2>${text}<div class="pair">${chart(result)}<div>${table}</div></div>`
  })
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  const line = given.map(([name, value]) => `${name}: ${String(value)}`).join(' · ')
  return htmlPage(`Sweep over ${sweep.dataset.title}`, [
    `<h1>Settings on ${escapeHtml(sweep.dataset.title)}</h1>`,
    `<p class="soft">${escapeHtml(about(sweep))}</p><p class="soft">${escapeHtml(line)}</p>`,
    ...parts,
  ])
}

/** The tables for a terminal. */
export function sweepTexts(sweep: Sweep): { title: string; table: Table; note: string }[] {
  return sweepResults(sweep).map(result => ({
    title: tableTitle(result.table),
    table: toTable(result),
    note: note(result),
  }))
}
