/** Charts as inline SVG: no script, no font and no file from elsewhere. */

export interface Series {
  name: string
  color: string
  points: readonly (readonly [x: number, y: number])[]
}

export interface LineChart {
  title: string
  xLabel: string
  yLabel: string
  series: readonly Series[]
  /** Labels of the x axis where its values stand for something else. */
  xTicks?: readonly { at: number; label: string }[]
  /** Default: from the least to the greatest value. */
  xRange?: readonly [number, number]
  /** Default 0 .. 1. */
  yRange?: readonly [number, number]
}

const WIDTH = 460
const LEFT = 46
const RIGHT = 14
const TOP = 14
/** Lower end of the plot; labels, name and legend follow below. */
const FLOOR = 210

const ESCAPES: { [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text that is safe between tags and in attributes. */
export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, found => ESCAPES[found]!)

const number = (value: number) => String(Math.round(value * 100) / 100)

/** About `count` round values that cover a range. */
function roundTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough)!
  const first = Math.ceil(low / step - 1e-9)
  const ticks = Math.floor(high / step + 1e-9) - first + 1
  return Array.from({ length: ticks }, (_, i) => Number(((first + i) * step).toPrecision(6)))
}

/** Height of flat labels. */
const FLAT = 20

/** Height that the labels of the x axis take: long ones are slanted. */
function labelRoom({ xTicks = [] }: LineChart): number {
  const longest = Math.max(0, ...xTicks.map(({ label }) => label.length))
  return longest * xTicks.length > 56 ? 16 + longest * 3.2 : FLAT
}

interface Scale {
  x: (value: number) => number
  y: (value: number) => number
}

function axes(chart: LineChart, scale: Scale, xs: [number, number], ys: [number, number]): string {
  const xTicks = chart.xTicks ?? roundTicks(xs[0], xs[1], 5).map(at => ({ at, label: number(at) }))
  const lines = roundTicks(ys[0], ys[1], 5).map(at => {
    const y = number(scale.y(at))
    const text = `<text x="${LEFT - 7}" y="${y}" dy=".32em" text-anchor="end">${number(at)}</text>`
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>${text}`
  })
  const slanted = labelRoom(chart) > FLAT
  const labels = xTicks.map(({ at, label }) => {
    const x = number(scale.x(at))
    const place = slanted
      ? `transform="translate(${x} ${FLOOR + 14}) rotate(-28)" text-anchor="end"`
      : `x="${x}" y="${FLOOR + 17}" text-anchor="middle"`
    return `<text ${place}>${escapeHtml(label)}</text>`
  })
  const middle = (LEFT + WIDTH - RIGHT) / 2
  const names = [
    `<text class="name" x="${middle}" y="${FLOOR + labelRoom(chart) + 14}" text-anchor="middle">${escapeHtml(chart.xLabel)}</text>`,
    `<text class="name" transform="translate(12 ${(TOP + FLOOR) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(chart.yLabel)}</text>`,
  ]
  return [...lines, ...labels, ...names].join('')
}

function seriesLine({ color, points }: Series, scale: Scale): string {
  const places = points.map(([x, y]) => [number(scale.x(x)), number(scale.y(y))])
  const line = `<polyline fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round" points="${places.map(([x, y]) => `${x},${y}`).join(' ')}"/>`
  const marks = places
    .map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${color}"/>`)
    .join('')
  return points.length <= 12 ? line + marks : line
}

function legend(series: readonly Series[], y: number): string {
  const step = Math.min(130, (WIDTH - LEFT - RIGHT) / series.length)
  const entries = series.map(({ name, color }, i) => {
    const x = LEFT + i * step
    return `<rect x="${x}" y="${y - 8}" width="10" height="10" rx="2" fill="${color}"/><text x="${x + 15}" y="${y}" dy=".1em">${escapeHtml(name)}</text>`
  })
  return entries.join('')
}

/** Lines over a grid, with a legend below; empty without any point. */
export function lineChart(chart: LineChart): string {
  const all = chart.series.flatMap(({ points }) => points)
  if (all.length === 0) return ''
  const range = (values: number[]): [number, number] => [Math.min(...values), Math.max(...values)]
  const xs = range([
    ...(chart.xRange ?? all.map(([x]) => x)),
    ...(chart.xTicks ?? []).map(({ at }) => at),
  ])
  const ys: [number, number] = [...(chart.yRange ?? ([0, 1] as const))]
  const along = (value: number, [low, high]: [number, number], from: number, to: number) =>
    from + ((value - low) / (high - low || 1)) * (to - from)
  const scale: Scale = {
    x: value => along(value, xs, LEFT, WIDTH - RIGHT),
    y: value => along(Math.min(Math.max(value, ys[0]), ys[1]), ys, FLOOR, TOP),
  }
  const lines = chart.series.map(series => seriesLine(series, scale)).join('')
  const bottom = FLOOR + labelRoom(chart) + 36
  return `<figure class="chart"><figcaption>${escapeHtml(chart.title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${bottom + 10}" role="img" aria-label="${escapeHtml(chart.title)}">${axes(chart, scale, xs, ys)}${lines}${legend(chart.series, bottom)}</svg></figure>`
}

export interface Bar {
  name: string
  /** 0 .. 1. */
  value: number
  label: string
  own?: boolean
}

/** Horizontal bars, one per row, the run's own in another colour. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const row = 27
  const left = 132
  const height = bars.length * row + 8
  const width = WIDTH - left - 50
  const lines = bars.map(({ name, value, label, own }, i) => {
    const y = i * row + 6
    const length = number(Math.max(0, Math.min(1, value)) * width)
    const kind = own ? 'bar own' : 'bar'
    const texts = `<text x="${left - 8}" y="${y + 10}" dy=".32em" text-anchor="end"${own ? ' class="own"' : ''}>${escapeHtml(name)}</text><text x="${Number(length) + left + 6}" y="${y + 10}" dy=".32em">${escapeHtml(label)}</text>`
    return `<rect class="${kind}" x="${left}" y="${y}" width="${length}" height="20" rx="3"/>${texts}`
  })
  return `<figure class="chart"><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(title)}">${lines.join('')}</svg></figure>`
}

/** A small line without axes; values 0 .. 1. */
export function sparkline(values: readonly number[], color: string): string {
  const [width, height] = [120, 24]
  const step = values.length > 1 ? width / (values.length - 1) : 0
  const points = values.map(
    (value, i) => `${number(i * step)},${number((1 - value) * (height - 4) + 2)}`,
  )
  if (values.length === 1) points.push(`${width},${points[0]!.split(',')[1]}`)
  return `<svg class="spark" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true"><polyline fill="none" stroke="${color}" stroke-width="1.5" points="${points.join(' ')}"/></svg>`
}
