import t from 'tap'
import { choosePoints, type PictureSegmenter } from '../../lib/annotate/choose.js'
import {
  Mask,
  type PromptPoint,
  type RawFrame,
  Segmenter,
  type SegmentPrompt,
} from '../../lib/index.js'
import { squareFrame } from '../support/segmenter.js'

const size = { width: 96, height: 64 }

/** The mask of the square of squareFrame(x). */
function square(x: number): Mask {
  const data = new Uint8Array(size.width * size.height)
  for (let row = 20; row < 40; row++) data.fill(1, row * 96 + x, row * 96 + x + 20)
  return new Mask(data, size.width, size.height)
}

const picture: RawFrame = squareFrame(30)
const empty = new Mask(new Uint8Array(96 * 64), 96, 64)

/** A segmenter whose masks the test says, and which counts what is asked of it. */
class CountingSegmenter {
  encoded = 0
  alive = 0
  /** Whether every point was asked alone, for three readings. */
  alone = true
  multimask = true
  batches: (readonly [number, number])[][] = []
  constructor(readonly answer: (x: number, y: number) => { masks: Mask[]; scores: number[] }) {}

  encode: PictureSegmenter['encode'] = async () => {
    this.encoded++
    this.alive++
    return { ...size, features: undefined as never, dispose: () => this.alive-- }
  }

  segment: PictureSegmenter['segment'] = async (_, prompts, options) => {
    const list = prompts as SegmentPrompt[]
    this.alone &&= list.every(prompt => prompt.points!.length === 1)
    this.multimask &&= options?.multimask === true
    const points = list.map(prompt => prompt.points![0] as PromptPoint)
    this.batches.push(points)
    return points.map(([x, y]) => ({ ...this.answer(x, y), lowResLogits: [] }))
  }
}

/** Says that points of an even column give the square, moved one column for odd rows. */
const byParity = (x: number, y: number) => {
  const good = x % 2 === 0 ? square(30 + (y % 2)) : square(40)
  return { masks: [empty, good, square(60)], scores: [0.2, 0.9, 0.5] }
}

t.test('a picture is encoded once, an object is one batch', async t => {
  const segmenter = new CountingSegmenter(byParity)
  const chosen = await choosePoints(segmenter, picture, [square(30), empty, square(10)], {
    candidates: 12,
  })
  t.equal(segmenter.encoded, 1)
  t.equal(segmenter.alive, 0, 'the features are freed')
  t.ok(segmenter.alone && segmenter.multimask)
  t.equal(segmenter.batches.length, 2)
  t.equal(chosen[1], null)
  const { mask, candidates, ...point } = chosen[0]!
  t.same(
    candidates.map(({ x, y }) => [x, y]),
    segmenter.batches[0],
    'all candidates went through the decoder together',
  )
  const keys = candidates.map(({ x, y }) => `${x},${y}`)
  t.equal(new Set(keys).size, keys.length, 'no repeats')
  t.ok(keys.length <= 12 && keys.length > 6)
  for (const { x, y, iou, score } of candidates) {
    t.equal(square(30).data[y * 96 + x], 1, 'drawn inside the mask')
    const expected = x % 2 === 1 ? 1 / 3 : y % 2 === 1 ? 19 / 21 : 1
    t.ok(Math.abs(iou - expected) < 1e-12)
    t.equal(score, 0.9)
  }
  t.equal(point.iou, Math.max(...candidates.map(candidate => candidate.iou)))
  t.same(
    point,
    candidates.find(candidate => candidate.iou === point.iou),
    'the earliest of the best',
  )
  t.same(mask.data, byParity(point.x, point.y).masks[1]!.data)
})

t.test('nothing to point at costs nothing', async t => {
  const segmenter = new CountingSegmenter(byParity)
  t.same(await choosePoints(segmenter, picture, [empty, empty]), [null, null])
  t.same(await choosePoints(segmenter, picture, []), [])
  t.equal(segmenter.encoded, 0)
})

t.test('the seed decides the draws', async t => {
  const draw = async (seed: number) => {
    const segmenter = new CountingSegmenter(byParity)
    await choosePoints(segmenter, picture, [square(30)], { seed })
    return segmenter.batches[0]
  }
  t.same(await draw(7), await draw(7))
  t.notSame(await draw(7), await draw(8))
})

t.test('bad options and masks are named, and the features are freed', async t => {
  const segmenter = new CountingSegmenter(byParity)
  const choose = (mask: Mask, options = {}) => choosePoints(segmenter, picture, [mask], options)
  const bad = { code: 'INVALID_ARGUMENT' }
  await t.rejects(choose(square(0), { candidates: 0 }), { ...bad, message: /candidates .* got 0/ })
  await t.rejects(choose(square(0), { seed: 0.5 }), { ...bad, message: /seed .* got 0\.5/ })
  const other = new Mask(new Uint8Array(6).fill(1), 3, 2)
  await t.rejects(choose(other), { ...bad, message: /96x64, got 3x2/ })
  t.equal(segmenter.alive, 0)
})

t.test('the embedded segmenter finds the square again', async t => {
  await using segmenter = await Segmenter.load(undefined, { threads: 2 })
  let encoded = 0
  const counting: PictureSegmenter = {
    encode: (...args) => {
      encoded++
      return segmenter.encode(...args)
    },
    segment: (...args) => segmenter.segment(...args),
  }
  const [chosen] = await choosePoints(counting, picture, [square(30)])
  t.equal(encoded, 1)
  t.ok(chosen!.iou > 0.8, `${chosen!.iou}`)
  t.equal(square(30).data[chosen!.y * 96 + chosen!.x], 1)
  const alone = await segmenter.segment(
    picture,
    { points: [[chosen!.x, chosen!.y]] },
    { multimask: true },
  )
  const { scores, masks } = alone[0]!
  t.same(masks[scores.indexOf(Math.max(...scores))]!.data, chosen!.mask.data, 'as asked alone')
  const signal = AbortSignal.abort()
  await t.rejects(choosePoints(segmenter, picture, [square(30)], { signal }), { code: 'ABORTED' })
})
