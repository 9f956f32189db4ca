import t from 'tap'
import { assign } from '../../lib/ground/assign.js'

/** Least total over all one-to-one pairings, by trying them. */
function best(
  cost: number[][],
  row = 0,
  used = new Set<number>(),
  skips = Math.max(0, cost.length - cost[0]!.length),
): number {
  if (row === cost.length) return 0
  let least = skips > 0 ? best(cost, row + 1, used, skips - 1) : Number.POSITIVE_INFINITY
  for (let column = 0; column < cost[0]!.length; column++) {
    if (used.has(column)) continue
    const total = cost[row]![column]! + best(cost, row + 1, new Set([...used, column]), skips)
    least = Math.min(least, total)
  }
  return least
}

t.test('the total is the least of all pairings', async t => {
  let seed = 3
  const random = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return (seed >> 8) % 50
  }
  for (const [rows, columns] of [
    [1, 1],
    [3, 3],
    [2, 5],
    [5, 2],
    [6, 6],
    [1, 6],
    [6, 1],
  ] as const) {
    for (let round = 0; round < 20; round++) {
      const cost = Array.from({ length: rows }, () => Array.from({ length: columns }, random))
      const pairs = assign(cost)
      const taken = pairs.filter(column => column >= 0)
      t.equal(taken.length, Math.min(rows, columns))
      t.equal(new Set(taken).size, taken.length)
      const total = pairs.reduce(
        (sum, column, row) => sum + (column < 0 ? 0 : cost[row]![column]!),
        0,
      )
      t.equal(total, best(cost), `${rows}x${columns}`)
    }
  }
  t.same(assign([]), [])
})
