import type { Evaluation } from '../evaluate/run.js'
import type { Table } from '../formats/table.js'
import { type PaperResult, paperResults } from './paper.js'
import type { Figures, Summary } from './summary.js'

/** The paper's rows on what was evaluated, and the run's own figures in percent. */
export interface Comparison {
  benchmark: string
  rows: PaperResult[]
  own: Figures
}

/** One per benchmark of the paper that the run speaks about; subsets of VPoS-Bench on their own. */
export function comparisons({ dataset }: Evaluation, summary: Summary): Comparison[] {
  const { title } = dataset
  const parts = summary.subsets.map(own => ({ benchmark: `${title}/${own.name}`, own }))
  return [{ benchmark: title, own: summary as Figures }, ...parts].flatMap(({ benchmark, own }) => {
    const rows = paperResults(benchmark)
    return rows.length > 0 && own.jf !== null ? [{ benchmark, rows, own }] : []
  })
}

/** A share as percent with one decimal, as papers print it. */
export const percent = (value: number | null) => (value === null ? '-' : (value * 100).toFixed(1))

/** The paper's rows in order of J&F with this run among them. */
export function comparisonTable({ benchmark, rows, own }: Comparison): Table {
  const lines = rows.map(({ model, j, f, jf, swapped }) => ({
    jf,
    cells: [model + (swapped ? ' *' : ''), j.toFixed(1), f.toFixed(1), jf.toFixed(1)],
  }))
  const mine = ['this run', percent(own.j.mean), percent(own.f.mean), percent(own.jf)]
  lines.push({ jf: own.jf! * 100, cells: mine })
  lines.sort((a, b) => b.jf - a.jf)
  return {
    head: [`${benchmark} (paper, table ${rows[0]!.table})`, 'J', 'F', 'J&F'],
    rows: lines.map(({ cells }) => cells),
  }
}

export const SWAPPED_NOTE =
  '* quoted by the paper with J and F the wrong way round, by the first sources of these rows'
