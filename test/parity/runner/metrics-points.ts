import { POINT_PROTOCOLS, type PointScore, scorePoints } from '../../../lib/metrics/points.js'
import { scoreVideoPoints } from '../../../lib/metrics/video-points.js'
import { parseEvaluationAnswer } from '../reference/answer.js'
import type { GoldenSet } from './golden.js'
import { maskAt } from './metrics.js'
import type { Report, Score } from './report.js'

type Pair = [x: number, y: number]
type Triple = [time: number, x: number, y: number]

interface PictureCase {
  name: string
  masks: number[]
  gt: Pair[]
  pred: Pair[]
  expected: { molmo: PointScore; any: PointScore }
}

interface VideoCase {
  name: string
  size: [height: number, width: number]
  duration: number
  gt: Triple[]
  tubes: [time: number, mask: number][][]
  pred: Triple[]
  expected: PointScore
}

interface TextCase {
  text: string
  width: number
  height: number
  expected: { points: Pair[] }
}

const VALUES = ['precision', 'recall', 'f1'] as const
const TOLERANCE = 1e-12

const picturePoint = ([x, y]: Pair) => ({ x, y })
const videoPoint = ([time, x, y]: Triple) => ({ time, x, y })

/** One row per value over all cases. */
class Scores {
  readonly #lists = new Map<string, Score[]>()

  add(protocol: string, of: string, actual: PointScore, expected: PointScore): void {
    for (const value of VALUES) {
      const key = `${protocol}.${value}`
      const list = this.#lists.get(key) ?? []
      this.#lists.set(key, list)
      list.push({ of, actual: actual[value], expected: expected[value] })
    }
  }

  report(report: Report): void {
    for (const [name, list] of this.#lists) report.scores(name, list, TOLERANCE)
  }
}

export function checkPoints(set: GoldenSet, report: Report): void {
  const scores = new Scores()
  for (const { name, masks, gt, pred, expected } of set.cases!.cases as PictureCase[]) {
    const objects = masks.map((row, i) => ({
      mask: maskAt(set, row),
      reference: picturePoint(gt[i]!),
    }))
    for (const protocol of POINT_PROTOCOLS) {
      const actual = scorePoints(pred.map(picturePoint), objects, protocol)
      scores.add(protocol, name, actual, expected[protocol])
    }
  }
  for (const { name, size, duration, gt, tubes, pred, expected } of set.cases!
    .video as VideoCase[]) {
    const objects = gt.map((point, i) => ({
      reference: videoPoint(point),
      tube: new Map(tubes[i]!.map(([time, row]) => [time, maskAt(set, row)])),
    }))
    const extent = { height: size[0], width: size[1], duration }
    scores.add('video', name, scoreVideoPoints(pred.map(videoPoint), objects, extent), expected)
  }
  scores.report(report)
  for (const { text, width, height, expected } of set.cases!.text as TextCase[]) {
    const points = parseEvaluationAnswer(text, width, height)
    const name = `text ${JSON.stringify(text)} ${width}x${height}`
    report.values(name, points.flat(), expected.points.flat(), TOLERANCE)
  }
  report.skip('text.valid_format', "the rule of Molmo 1's answer grammar is left out")
  for (const name of Object.keys(set.expected)) report.skip(name, 'float32 copy of cases.json')
}
