/** Steps from one word to another: a letter more, less or another, or two neighbours swapped. */
export function editDistance(from: string, to: string): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current[column] = Math.min(
        above[column]! + 1,
        current[column - 1]! + 1,
        above[column - 1]! + (same ? 0 : 1),
        swapped ? before[column - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = above
    above = current
  }
  return above[to.length]!
}

/**
 * The known word that somebody most likely meant, without regard to case; null where none is so near
 * that at least half of it is there.
 */
export function nearest(word: string, known: readonly string[]): string | null {
  let found: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance >= least || distance > Math.max(word.length, candidate.length) / 2) continue
    least = distance
    found = candidate
  }
  return found
}
