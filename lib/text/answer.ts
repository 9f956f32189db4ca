import { InvalidArgumentError } from '../engine/errors.js'

/** One point of an answer. */
export interface AnswerPoint {
  /** Pixels of the frame, whole numbers inside it (0 .. width - 1, 0 .. height - 1). */
  x: number
  y: number
  /** As the model wrote them: percent of width and height, 0 .. 100. */
  percentX: number
  percentY: number
  /** The tag's alt text and its content, entities unescaped; empty where the answer has none. */
  alt: string
  label: string
}

/** An answer, read. */
export interface ParsedAnswer {
  /** In the order of the answer; duplicates are kept. */
  points: AnswerPoint[]
  /** Whether the answer says that there is nothing to point at. */
  absent: boolean
  /** The number in "shows a total of N". */
  statedTotal?: number
}

/**
 * Reads an answer as a person would mean it: `<point>` and `<points>` tags anywhere, attributes in any order and
 * with either quote, blanks inside the quotes, a cut-off end. Values above 100 and malformed numbers are
 * dropped, 100 is the last pixel; a tag whose numbered coordinates do not pair up gives nothing.
 * Pixels are `trunc(percent / 100 * size)`.
 */
export function parseAnswer(text: string, width: number, height: number): ParsedAnswer {
  const tags = readTags(text)
  const sources = tags.length > 0 ? tags : [{ attributes: readAttributes(text), label: '' }]
  const points = sources.flatMap(tag => pointsOf(tag, width, height))
  const total = /\btotal of (\d+)/.exec(text)
  return {
    points,
    absent: points.length === 0 && absence.test(text),
    ...(total ? { statedTotal: Number(total[1]) } : {}),
  }
}

const absence = /\bthere (?:are|is) none\b|\bthis isn['’]t in the (?:video|image)\b/i

/** The two sentences for an absent object: Molmo's and VideoMolmo's. */
export const absenceSentences = ['There are none.', "This isn't in the video."] as const

interface Attribute {
  name: string
  value: string
}

interface Tag {
  attributes: Attribute[]
  label: string
}

const attributePattern = /([A-Za-z_][\w.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

function readTags(text: string): Tag[] {
  const tags: Tag[] = []
  for (const match of text.matchAll(/<points?(?=[\s>]|$)/g)) {
    const attributes: Attribute[] = []
    const next = new RegExp(`\\s*${attributePattern.source}`, 'y')
    let end = match.index + match[0].length
    for (;;) {
      next.lastIndex = end
      const found = next.exec(text)
      if (!found) break
      attributes.push({ name: found[1]!, value: found[2] ?? found[3]! })
      end = next.lastIndex
    }
    if (attributes.length > 0) tags.push({ attributes, label: labelBehind(text, end) })
  }
  return tags
}

/** The text between the tag's `>` and its closing tag. */
function labelBehind(text: string, end: number): string {
  const open = text.indexOf('>', end)
  if (open < 0) return ''
  const close = text.slice(open + 1).search(/<\/points?>/)
  return close < 0 ? '' : unescapeEntities(text.slice(open + 1, open + 1 + close))
}

/** Attributes of a text without tags; names are whole words. */
function readAttributes(text: string): Attribute[] {
  const bare = new RegExp(`(?<![\\w.-])${attributePattern.source}`, 'g')
  return [...text.matchAll(bare)].map(found => ({
    name: found[1]!,
    value: found[2] ?? found[3]!,
  }))
}

interface Coordinate {
  axis: string
  number: string
  value: string
}

function pointsOf(tag: Tag, width: number, height: number): AnswerPoint[] {
  const coordinates: Coordinate[] = []
  for (const { name, value } of tag.attributes) {
    const found = /^([xy])(\d*)$/.exec(name)
    if (found) coordinates.push({ axis: found[1]!, number: found[2]!, value })
  }
  const alt = unescapeEntities(tag.attributes.find(({ name }) => name === 'alt')?.value ?? '')
  const points: AnswerPoint[] = []
  for (let i = 0; i + 1 < coordinates.length; i += 2) {
    const [first, second] = [coordinates[i]!, coordinates[i + 1]!]
    // Neighbours that are no pair leave no way to tell what belongs together.
    if (first.axis === second.axis || first.number !== second.number) return []
    const [x, y] = first.axis === 'x' ? [first, second] : [second, first]
    const percentX = readPercent(x.value)
    const percentY = readPercent(y.value)
    if (percentX === null || percentY === null) continue
    points.push({
      x: toPixel(percentX, width),
      y: toPixel(percentY, height),
      percentX,
      percentY,
      alt,
      label: tag.label,
    })
  }
  return points
}

/** null for anything that is no plain decimal number from 0 to 100. */
function readPercent(text: string): number | null {
  const number = text.trim()
  if (!/^(?:\d+\.?\d*|\.\d+)$/.test(number)) return null
  const value = Number(number)
  return value <= 100 ? value : null
}

function toPixel(percent: number, size: number): number {
  return Math.min(Math.trunc((percent / 100) * size), size - 1)
}

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
}

function unescapeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{2,6}));/g,
    (whole, dec, hex, name) => {
      if (name !== undefined) return entities[name] ?? whole
      const code = dec !== undefined ? Number(dec) : Number.parseInt(hex, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    },
  )
}

/** A point in percent of the frame's width and height. */
export interface PercentPoint {
  x: number
  y: number
}

export interface WriteOptions {
  /** Default: the label. */
  alt?: string
}

/**
 * Points in the model's own notation: one decimal, sorted by x, then y, after rounding. One point is a `<point>`,
 * more are a `<points>`, none is "There are none.".
 *
 * @throws InvalidArgumentError for values outside 0 .. 100.
 */
export function writePoints(
  points: PercentPoint[],
  label: string,
  options: WriteOptions = {},
): string {
  if (points.length === 0) return absenceSentences[0]
  const rounded = points.map(({ x, y }) => {
    if (!(x >= 0 && x <= 100 && y >= 0 && y <= 100)) {
      throw new InvalidArgumentError(
        `A point must lie in 0 .. 100 percent; this one is (${x}, ${y}).`,
      )
    }
    return { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 }
  })
  rounded.sort((a, b) => a.x - b.x || a.y - b.y)
  const tag = rounded.length === 1 ? 'point' : 'points'
  const coordinates = rounded.map(({ x, y }, i) => {
    const number = rounded.length === 1 ? '' : i + 1
    return `x${number}="${x.toFixed(1)}" y${number}="${y.toFixed(1)}"`
  })
  const alt = escapeEntities(options.alt ?? label)
  return `<${tag} ${coordinates.join(' ')} alt="${alt}">${escapeEntities(label)}</${tag}>`
}

/** The counting form: "Counting the <points ...>cars</points> shows a total of 3." */
export function writeCount(
  points: PercentPoint[],
  label: string,
  options: WriteOptions = {},
): string {
  if (points.length === 0) return absenceSentences[0]
  return `Counting the ${writePoints(points, label, options)} shows a total of ${points.length}.`
}

function escapeEntities(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/**
 * What an answer to a sentence usually looks like: one point in the middle, named as the sentence names
 * it. A first guess for drafted decoding.
 */
export function answerTemplate(query: string): string {
  const thing = query
    .trim()
    .replace(/^(please )?(point|click)( to| at)? /i, '')
    .replace(/^(all )?(the )?/i, '')
    .replace(/[.?!]+$/, '')
  return ` ${writePoints([{ x: 50, y: 50 }], thing)}`
}
