/** Orders names as people do: numbers in them by value, the rest by its characters. */
export function naturalOrder(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)]
  for (const [i, part] of left.entries()) {
    const other = right[i]
    if (other === undefined) return 1
    const order = isNumber(part) && isNumber(other) ? byValue(part, other) : byText(part, other)
    if (order !== 0) return order
  }
  return left.length - right.length || byText(a, b)
}

/** Runs of digits and what lies between them. */
const parts = (name: string): string[] => name.match(/\d+|\D+/g) ?? []

const isNumber = (part: string): boolean => /^\d/.test(part)

/** Of any length, so the digits are compared and not a double. */
function byValue(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return left.length - right.length || byText(left, right)
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
