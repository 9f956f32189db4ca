import { readFileSync } from 'node:fs'

/** Figures of the paper's tables, as printed: lib/reports/paper.json says in what units. */
interface Paper {
  /** Tables 1 to 3 and 12 by benchmark, and by model: J, F, J&F. */
  results: {
    [benchmark: string]: {
      table: number
      rows: { [model: string]: [j: number, f: number, jf: number] }
      /** Quoted rows whose J and F the paper has the wrong way round, by their first sources. */
      swapped?: string[]
    }
  }
  /** The tables on settings, by number. */
  settings: { [table: string]: PaperTable }
}

export interface PaperTable {
  columns: readonly string[]
  entries: readonly PaperSettings[]
}

export interface PaperSettings {
  model: string
  benchmark: string
  /** By the row's label: figures in the order of `columns`. */
  rows: { [label: string]: readonly number[] }
}

export interface PaperResult {
  model: string
  j: number
  f: number
  jf: number
  table: number
  /** Whether J and F look swapped. */
  swapped: boolean
}

// This file runs from dist/lib/reports.
const file = new URL('../../../lib/reports/paper.json', import.meta.url)

let read: Paper | undefined

function paper(): Paper {
  read ??= JSON.parse(readFileSync(file, 'utf8')) as Paper
  return read
}

/** The paper's results on a benchmark, such as 'MeViS' or 'VPoS-Bench/Cells'; none for others. */
export function paperResults(benchmark: string): PaperResult[] {
  const found = paper().results[benchmark]
  if (!found) return []
  const { table, rows, swapped = [] } = found
  return Object.entries(rows).map(([model, [j, f, jf]]) => {
    return { model, j, f, jf, table, swapped: swapped.includes(model) }
  })
}

/** The paper's table on a setting; undefined for other numbers. */
export function paperTable(table: number | string): PaperTable | undefined {
  return paper().settings[table]
}
