import { Mask } from '../../../lib/formats/mask.js'
import {
  type CocoRle,
  compressCounts,
  decodeRle,
  encodeCounts,
  encodeRle,
  expandCounts,
} from '../../../lib/formats/rle.js'
import { mergeRles, rleArea, rleBox, rleIou } from '../../../lib/formats/rle-algebra.js'
import { boxToRle, polygonsToRle } from '../../../lib/formats/rle-polygons.js'
import type { GoldenSet } from './golden.js'
import { maskAt } from './metrics.js'
import type { Report, Score } from './report.js'

type Size = [height: number, width: number]
type Bbox = [x: number, y: number, width: number, height: number]

/** The parts of cases.json. */
interface RleCases {
  cases: { name: string; mask: number; expected: { string: string } }[]
  decode: {
    name: string
    size: Size
    counts?: number[]
    string?: string
    counts_as_string?: string
    expected: { mask: number; area: number; canonical_string: string; canonical_counts: number[] }
  }[]
  algebra: {
    name: string
    masks: number[]
    expected: {
      union: string
      intersection: string
      iou_first_two: number
      iou_first_two_crowd: number
    }
  }[]
  polygons: {
    name: string
    size: Size
    parts: number[][]
    expected: {
      parts: string[]
      string: string
      counts: number[] | null
      area: number
      mask: number
    }
  }[]
  boxes: { size: Size; bbox: Bbox; expected: { string: string; area: number } }[]
  big: { name: string; size: Size; counts: number[]; string: string; area: number; bbox: Bbox }[]
}

const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length && Array.from(a).every((value, i) => value === b[i])

function bboxOf(rle: Parameters<typeof rleBox>[0]): Bbox {
  const box = rleBox(rle)
  return box ? [box.x, box.y, box.width, box.height] : [0, 0, 0, 0]
}

function rleAt(set: GoldenSet, index: number): CocoRle {
  const { data, width, height } = maskAt(set, index)
  return encodeRle(data, width, height)
}

export function checkRle(set: GoldenSet, report: Report): void {
  const cases = set.cases as unknown as RleCases
  checkEncode(set, report, cases)
  for (const one of cases.decode) checkDecode(set, report, one)
  checkAlgebra(set, report, cases)
  for (const { name, size, parts, expected } of cases.polygons) {
    const [height, width] = size
    const rle = polygonsToRle(parts, width, height)
    const each = parts.map(part => polygonsToRle([part], width, height).counts)
    const passed =
      rle.counts === expected.string &&
      each.join() === expected.parts.join() &&
      rleArea(rle) === expected.area &&
      same(decodeRle(rle), maskAt(set, expected.mask).data)
    report.check(`polygon ${name}`, passed, rle.counts)
  }
  for (const { size, bbox, expected } of cases.boxes) {
    const [x, y, width, height] = bbox
    const rle = boxToRle({ x, y, width, height }, size[1], size[0])
    const passed = rle.counts === expected.string && rleArea(rle) === expected.area
    report.check(`box ${bbox}`, passed, rle.counts)
  }
  for (const { name, size, counts, string, area, bbox } of cases.big) {
    const rle = { size, counts: string }
    const passed =
      compressCounts(counts) === string &&
      same(expandCounts(string), counts) &&
      rleArea(rle) === area &&
      same(bboxOf(rle), bbox) &&
      encodeRle(decodeRle(rle), size[1], size[0]).counts === string
    report.check(`big ${name}`, passed)
  }
}

/** Masks to runs, strings, areas and boxes, and back. */
function checkEncode(set: GoldenSet, report: Report, { cases }: RleCases): void {
  const counts: number[] = []
  const table: number[] = []
  const areas: number[] = []
  const boxes: number[] = []
  for (const { name, mask: row, expected } of cases) {
    const { data, width, height } = maskAt(set, row)
    const runs = encodeCounts(data, width, height)
    table.push(runs.length, counts.length)
    counts.push(...runs)
    const rle = encodeRle(data, width, height)
    areas.push(rleArea(rle))
    boxes.push(...bboxOf(rle))
    const mask = new Mask(data, width, height)
    const passed =
      rle.counts === expected.string &&
      mask.toRLE().counts === expected.string &&
      mask.area === rleArea(rle) &&
      same(decodeRle(rle), data)
    report.check(`string ${name}`, passed, rle.counts)
  }
  report.exact('counts', counts)
  report.exact('counts.table', table)
  report.exact('area', areas)
  report.exact('bbox', boxes)
}

/** Runs that other writers write. */
function checkDecode(set: GoldenSet, report: Report, one: RleCases['decode'][number]): void {
  const { name, size, counts, string, counts_as_string, expected } = one
  const rle = { size, counts: counts ?? string! }
  const bytes = Buffer.from(string ?? counts_as_string!, 'latin1')
  const passed =
    same(decodeRle(rle), maskAt(set, expected.mask).data) &&
    same(decodeRle({ size, counts: bytes }), maskAt(set, expected.mask).data) &&
    (counts === undefined || compressCounts(counts) === counts_as_string) &&
    rleArea(rle) === expected.area &&
    mergeRles([rle]).counts === expected.canonical_string &&
    same(expandCounts(expected.canonical_string), expected.canonical_counts)
  report.check(`decode ${name}`, passed)
}

function checkAlgebra(set: GoldenSet, report: Report, { algebra }: RleCases): void {
  const ious: Score[] = []
  for (const { name, masks, expected } of algebra) {
    const rles = masks.map(row => rleAt(set, row))
    report.check(`${name} union`, mergeRles(rles).counts === expected.union)
    const common = mergeRles(rles, 'intersection').counts
    report.check(`${name} intersection`, common === expected.intersection)
    const [a, b] = [rles[0]!, rles[1]!]
    const crowd = rleIou(a, b, { crowd: true })
    ious.push({ of: name, actual: rleIou(a, b), expected: expected.iou_first_two })
    ious.push({ of: `${name} crowd`, actual: crowd, expected: expected.iou_first_two_crowd })
  }
  report.scores('iou', ious, 1e-12)
}
