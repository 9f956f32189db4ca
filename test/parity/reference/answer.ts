import { DecodeError } from '../../../lib/engine/errors.js'

/**
 * The released code's parser: with `<points` anywhere in the answer every numbered pair, otherwise
 * the first plain pair; exact spacing and double quotes; no range check (100 gives the width itself).
 *
 * @throws DecodeError for a number that is none (`1.2.3`), where the reference ends its run.
 */
export function parseReferenceAnswer(
  text: string,
  width: number,
  height: number,
): [number, number][] {
  const pairs = text.includes('<points')
    ? [...text.matchAll(/x\d+="([\d.]+)" y\d+="([\d.]+)"/g)]
    : [/x="([\d.]+)" y="([\d.]+)"/.exec(text)].filter(match => match !== null)
  return pairs.map(pair => [
    Math.trunc((referenceNumber(pair[1]!) / 100) * width),
    Math.trunc((referenceNumber(pair[2]!) / 100) * height),
  ])
}

function referenceNumber(text: string): number {
  if (!/^(?:\d+\.?\d*|\.\d+)$/.test(text)) {
    throw new DecodeError(`The answer has "${text}" where a number belongs.`)
  }
  return Number(text)
}

/**
 * The parser of Molmo's own evaluation: pixels as real numbers, values above 100 dropped; it reads
 * `Click(x, y)` and `(x, y)` with one decimal, attribute pairs, and `n=xxx, yyy` in tenths of a percent, in this
 * order.
 */
export function parseEvaluationAnswer(
  text: string,
  width: number,
  height: number,
): [number, number][] {
  const forms: [RegExp, number][] = [
    [/Click\((\d+\.\d), ?(\d+\.\d)\)/g, 1],
    [/\((\d+\.\d),? ?(\d+\.\d)\)/g, 1],
    [/x\d*="\s*(\d+(?:\.\d+)?)"\s+y\d*="\s*(\d+(?:\.\d+)?)"/g, 1],
    [/(?:\d+|p)\s*=\s*(\d{3})\s*,\s*(\d{3})/g, 10],
  ]
  const points: [number, number][] = []
  for (const [pattern, parts] of forms) {
    for (const match of text.matchAll(pattern)) {
      const x = Number(match[1]) / parts
      const y = Number(match[2]) / parts
      if (Math.max(x, y) <= 100) points.push([(x / 100) * width, (y / 100) * height])
    }
  }
  return points
}
