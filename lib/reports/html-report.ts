import type { Evaluation, SequenceRecord } from '../evaluate/run.js'
import type { ItemScore } from '../evaluate/score-sequence.js'
import type { Table } from '../formats/table.js'
import { meanOf } from '../metrics/statistics.js'
import { barChart, escapeHtml, lineChart, type Series, sparkline } from './charts.js'
import {
  type Comparison,
  comparisons,
  comparisonTable,
  percent,
  SWAPPED_NOTE,
} from './comparison.js'
import { scoreTable } from './eval-tables.js'
import { SCRIPT, STYLE } from './report-style.js'
import type { Summary } from './summary.js'
import { MISTAKES, type WorstFrame } from './worst-frames.js'

const COLORS = { jf: '#0f766e', j: '#2563eb', f: '#ea580c' }
/** Parts of a sequence in the curve over its length. */
const BINS = 20
/** Faults of files that are listed one by one. */
const LISTED = 100

/** A whole page around parts of HTML; nothing is loaded from elsewhere. */
export function htmlPage(title: string, parts: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><main>
${parts.filter(part => part !== '').join('\n')}
</main><script>${SCRIPT}</script></body></html>
`
}

export function htmlTable({ head, rows }: Table, own?: (name: string) => boolean): string {
  const cells = (tag: string, list: readonly string[]) =>
    list.map(cell => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')
  const lines = rows.map(
    row => `<tr${own?.(row[0]!) ? ' class="own"' : ''}>${cells('td', row)}</tr>`,
  )
  return `<div class="scroll"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`
}

const scored = (evaluation: Evaluation) =>
  evaluation.records.flatMap(({ items }) => items).filter(({ frames }) => frames.length > 0)

/** Share of sentences or objects that reach at least a score. */
function successCurve(items: readonly ItemScore[]): string {
  const steps = Array.from({ length: 51 }, (_, i) => i / 50)
  const curve = (name: string, color: string, value: (item: ItemScore) => number): Series => {
    const values = items.map(value)
    const reach = (least: number) => values.filter(v => v >= least - 1e-12).length / values.length
    return { name, color, points: steps.map(step => [step, reach(step)]) }
  }
  const [j, f] = [(item: ItemScore) => meanOf(item.j)!, (item: ItemScore) => meanOf(item.f)!]
  return lineChart({
    title: 'Share that reaches a score',
    xLabel: 'score, mean over the frames',
    yLabel: 'share',
    series: [
      curve('J&F', COLORS.jf, item => (j(item) + f(item)) / 2),
      curve('J', COLORS.j, j),
      curve('F', COLORS.f, f),
    ],
  })
}

/** Mean scores over the length of the sequences. */
function lengthCurve(items: readonly ItemScore[]): string {
  const curve = (name: string, color: string, list: (item: ItemScore) => number[]): Series => {
    const bins = Array.from({ length: BINS }, (): number[] => [])
    for (const item of items) {
      const values = list(item)
      for (const [i, value] of values.entries()) {
        bins[Math.min(BINS - 1, Math.floor(((i + 0.5) / values.length) * BINS))]!.push(value)
      }
    }
    const points = bins.flatMap((bin, i): [number, number][] => {
      const value = meanOf(bin)
      return value === null ? [] : [[((i + 0.5) / BINS) * 100, value]]
    })
    return { name, color, points }
  }
  return lineChart({
    title: 'Scores along the sequence',
    xLabel: 'place in the sequence, percent',
    xRange: [0, 100],
    yLabel: 'mean score',
    series: [curve('J', COLORS.j, item => item.j), curve('F', COLORS.f, item => item.f)],
  })
}

function tiles(summary: Summary): string {
  const { jf, j, f, items, expected, sequences, time } = summary
  const tile = (label: string, value: string, main = false) =>
    `<div class="tile${main ? ' main' : ''}"><b>${value}</b><span class="soft">${label}</span></div>`
  const scoredItems = expected === null ? String(items) : `${items} / ${expected}`
  const list = [
    tile('J&amp;F', percent(jf), true),
    tile('J, region', percent(j.mean)),
    tile('F, boundary', percent(f.mean)),
    tile(expected === null ? 'objects scored' : 'sentences scored', scoredItems),
    tile('sequences', String(sequences)),
  ]
  if (time) list.push(tile('seconds per frame', (time.seconds / time.frames).toFixed(2)))
  return `<section class="tiles">${list.join('')}</section>`
}

function comparisonPart(comparison: Comparison): string {
  const { benchmark, rows, own } = comparison
  const bars = [
    ...rows.map(({ model, jf }) => ({ name: model, value: jf / 100, label: jf.toFixed(1) })),
    { name: 'this run', value: own.jf!, label: percent(own.jf), own: true },
  ].sort((a, b) => b.value - a.value)
  const table = htmlTable(comparisonTable(comparison), name => name === 'this run')
  const note = rows.some(({ swapped }) => swapped) ? `<p class="soft">${SWAPPED_NOTE}</p>` : ''
  return `<div class="pair">${barChart(`J&F on ${benchmark}`, bars)}<div>${table}${note}</div></div>`
}

/** Mean J&F of a sequence's items, frame by frame; items of other lengths are left out. */
function frameLine({ items }: SequenceRecord): number[] {
  const length = Math.max(0, ...items.map(({ frames }) => frames.length))
  const full = items.filter(({ frames }) => frames.length === length)
  return Array.from(
    { length },
    (_, i) => meanOf(full.map(({ j, f }) => (j[i]! + f[i]!) / 2)) as number,
  )
}

function sequenceRows(evaluation: Evaluation, summary: Summary): string {
  const figures = new Map(summary.perSequence.map(row => [row.name, row]))
  const rows = evaluation.records.map(record => {
    const { items, j, f, jf } = figures.get(record.id)!
    const cell = (value: number | null) => `<td data-value="${value ?? -1}">${percent(value)}</td>`
    const name = record.subset
      ? `${record.id} <span class="soft">${escapeHtml(record.subset)}</span>`
      : escapeHtml(record.id)
    const sentences = record.items.map(item => {
      const [itemJ, itemF] = [meanOf(item.j), meanOf(item.f)]
      const both = itemJ === null || itemF === null ? null : (itemJ + itemF) / 2
      return `<li>${percent(both)} ${escapeHtml(item.text ?? item.id)}</li>`
    })
    const list = `<details><summary>${name}</summary><ul>${sentences.join('')}</ul></details>`
    return `<tr><td data-value="${escapeHtml(record.id)}">${list}</td><td>${items}</td>${cell(jf)}${cell(j.mean)}${cell(f.mean)}<td>${sparkline(frameLine(record), COLORS.jf)}</td></tr>`
  })
  const head = ['sequence', 'scored', 'J&amp;F', 'J', 'F', 'J&amp;F by frame']
  return `<table class="sortable" id="sequences"><thead><tr>${head.map(cell => `<th>${cell}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function worstPart(frames: readonly WorstFrame[]): string {
  if (frames.length === 0) return ''
  const key = Object.entries(MISTAKES)
    .map(
      ([name, color]) => `<span><i style="background: rgb(${color.join(' ')})"></i>${name}</span>`,
    )
    .join('')
  const figures = frames.map(({ sequence, item, text, frame, j, f, picture }) => {
    const title = escapeHtml(text ?? `object ${item}`)
    const place = `${escapeHtml(sequence)}, frame ${escapeHtml(frame)}`
    return `<figure><img alt="${title}" src="${picture}"><figcaption>${title}<br><span class="soft">${place} · J ${percent(j)}, F ${percent(f)}</span></figcaption></figure>`
  })
  return `<h2>Worst frames</h2><p class="key soft">${key}</p><div class="worst">${figures.join('')}</div>`
}

function faultsPart({ problems, failed }: Evaluation): string {
  if (problems.length === 0 && failed.length === 0) return ''
  const lines = problems
    .slice(0, LISTED)
    .map(
      ({ path, fault, detail }) => `<li>${fault}: ${escapeHtml(path)}: ${escapeHtml(detail)}</li>`,
    )
  const left = problems.length > LISTED ? `<li>and ${problems.length - LISTED} more</li>` : ''
  const out = failed.length > 0 ? `<p>Left out: ${escapeHtml(failed.join(', '))}</p>` : ''
  return `<h2>Faults of files</h2>${out}<ul class="faults">${lines.join('')}${left}</ul>`
}

/** What a run was asked for, in a line. */
function settingsLine(settings: { [name: string]: unknown }): string {
  return Object.entries(settings)
    .filter(
      ([name, value]) => value !== undefined && !['dataset', 'split', 'protocol'].includes(name),
    )
    .map(([name, value]) => `${name}: ${String(value)}`)
    .join(' · ')
}

/**
 * The report of a run as one HTML file: scores, curves, the paper's rows beside the run's, a row per
 * sequence and the worst frames drawn.
 */
export function renderReport(
  evaluation: Evaluation,
  summary: Summary,
  worst: readonly WorstFrame[],
  settings: { [name: string]: unknown },
): string {
  const { title, split, protocol } = evaluation.dataset
  const items = scored(evaluation)
  const compared = comparisons(evaluation, summary)
  return htmlPage(`${title} ${split}`, [
    `<h1>${escapeHtml(title)}, ${escapeHtml(split)}</h1>`,
    `<p class="soft">${escapeHtml(`${protocol} · ${settingsLine(settings)}`)}</p>`,
    tiles(summary),
    items.length > 0
      ? `<div class="charts">${successCurve(items)}${lengthCurve(items)}</div>`
      : '<p>There is no ground truth here, so nothing was scored.</p>',
    compared.length > 0 ? `<h2>Beside the paper</h2>${compared.map(comparisonPart).join('')}` : '',
    items.length > 0 ? `<h2>Scores</h2>${htmlTable(scoreTable(evaluation, summary))}` : '',
    `<h2>Sequences</h2>${sequenceRows(evaluation, summary)}`,
    worstPart(worst),
    faultsPart(evaluation),
  ])
}
