/**
 * One-to-one assignment of rows to columns with the least total cost (shortest augmenting paths,
 * also known as the Hungarian or Jonker-Volgenant method). Rectangular tables pair min(rows,
 * columns).
 *
 * @param cost finite numbers, [rows][columns].
 * @returns the column of every row, -1 for a row without one.
 */
export function assign(cost: readonly (readonly number[])[]): number[] {
  const rows = cost.length
  const columns = cost[0]?.length ?? 0
  if (rows > columns) return transposed(cost, rows, columns)
  const rowPotential = new Float64Array(rows + 1)
  const columnPotential = new Float64Array(columns + 1)
  // Row of each column, from 1; 0 = free. Column 0 holds the row that looks for a place.
  const rowOf = new Int32Array(columns + 1)
  for (let row = 1; row <= rows; row++) {
    rowOf[0] = row
    augment(cost, rowPotential, columnPotential, rowOf)
  }
  const result = new Array<number>(rows).fill(-1)
  for (let column = 1; column <= columns; column++) {
    if (rowOf[column]! > 0) result[rowOf[column]! - 1] = column - 1
  }
  return result
}

function transposed(cost: readonly (readonly number[])[], rows: number, columns: number) {
  const result = new Array<number>(rows).fill(-1)
  const table = Array.from({ length: columns }, (_, c) => cost.map(line => line[c]!))
  for (const [column, row] of assign(table).entries()) result[row] = column
  return result
}

function augment(
  cost: readonly (readonly number[])[],
  rowPotential: Float64Array,
  columnPotential: Float64Array,
  rowOf: Int32Array,
): void {
  const columns = rowOf.length - 1
  const slack = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY)
  const previous = new Int32Array(columns + 1)
  const visited = new Uint8Array(columns + 1)
  let current = 0
  while (rowOf[current] !== 0) {
    visited[current] = 1
    const row = rowOf[current]!
    let step = Number.POSITIVE_INFINITY
    let next = 0
    for (let column = 1; column <= columns; column++) {
      if (visited[column]) continue
      const reduced = cost[row - 1]![column - 1]! - rowPotential[row]! - columnPotential[column]!
      if (reduced < slack[column]!) {
        slack[column] = reduced
        previous[column] = current
      }
      if (slack[column]! < step) {
        step = slack[column]!
        next = column
      }
    }
    for (let column = 0; column <= columns; column++) {
      if (visited[column]) {
        rowPotential[rowOf[column]!]! += step
        columnPotential[column]! -= step
      } else slack[column]! -= step
    }
    current = next
  }
  for (; current !== 0; current = previous[current]!) rowOf[current] = rowOf[previous[current]!]!
}
