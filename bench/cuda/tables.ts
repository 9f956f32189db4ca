/** What the kernel benchmark writes per kernel. */
export interface KernelRow {
  name: string
  medianUs: number
  lowUs: number
  highUs: number
  bytes: number
  flops: number
  /** The least time that bytes and operations allow at the measured limits. */
  floorUs: number
  bound: 'memory' | 'arithmetic'
  /** Relative L2 against double precision, on samples. */
  error: number
}

export interface ModelRow {
  name: string
  medianMs: number
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map((_, i) => (i ? '---:' : '---'))) + rows.map(line).join('')
}

/** Medians, rates and the share of what the device can do. */
export function kernelTable(rows: readonly KernelRow[]): string {
  return table(
    ['kernel', 'median us', 'quartiles', 'GB/s', 'TFLOP/s', 'of the limit', 'error'],
    rows.map(row => [
      row.name,
      row.medianUs.toFixed(1),
      `${row.lowUs.toFixed(1)} .. ${row.highUs.toFixed(1)}`,
      (row.bytes / row.medianUs / 1e3).toFixed(0),
      row.flops ? (row.flops / row.medianUs / 1e6).toFixed(0) : '',
      `${((100 * row.floorUs) / row.medianUs).toFixed(0)} % (${row.bound})`,
      row.error.toExponential(1),
    ]),
  )
}

/** Ours beside PyTorch's figure of the same name, where there is one. */
export function modelTable(rows: readonly ModelRow[], peers: ReadonlyMap<string, number>): string {
  return table(
    ['model', 'median ms', 'PyTorch ms', 'times faster'],
    rows.map(({ name, medianMs }) => {
      const peer = peers.get(name)
      return [
        name,
        medianMs.toFixed(2),
        peer?.toFixed(2) ?? '',
        peer === undefined ? '' : (peer / medianMs).toFixed(2),
      ]
    }),
  )
}
