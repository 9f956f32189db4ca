import type { ScoredMask } from '../../lib/metrics/masks.js'

/** A picture of digits, one string per row: labels; anything else is 0. */
export function drawLabels(...rows: string[]): ScoredMask {
  const data = Uint8Array.from(rows.join(''), character => Number(character) || 0)
  return { data, width: rows[0]!.length, height: rows.length }
}

/** A picture of # and anything else. */
export function drawMask(...rows: string[]): ScoredMask {
  return drawLabels(...rows.map(row => row.replaceAll('#', '1')))
}
