/** A table to show: the first column is text, the others are figures. */
export interface Table {
  head: readonly string[]
  rows: readonly (readonly string[])[]
}

export function toMarkdown({ head, rows }: Table): string {
  // A pipe would end the cell.
  const escaped = (cell: string) => cell.replaceAll('|', '\\|')
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Aligned columns for a terminal. */
export function toText({ head, rows }: Table): string {
  const lines = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...lines.map(cells => (cells[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    widths
      .map((width, i) =>
        i === 0 ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width),
      )
      .join('  ')
      .trimEnd()
  const rule = widths.map(width => '-'.repeat(width)).join('  ')
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** RFC 4180. */
export function toCsv({ head, rows }: Table): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return [head, ...rows].map(cells => `${cells.map(cell).join(',')}\n`).join('')
}
