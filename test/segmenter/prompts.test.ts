import t from 'tap'
import { Segmenter, type SegmenterVideo } from '../../lib/index.js'
import { toAddonBox, toAddonPoints } from '../../lib/segment/prompts.js'
import { fixturePath } from '../support/fixtures.js'
import { FRAME, iou, squareFrame } from '../support/segmenter.js'

const { width, height } = FRAME
const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })
/** What JavaScript may pass where TypeScript would object. */
const anything = (value: unknown) => value as never

let segmenter: Segmenter
t.before(async () => {
  segmenter = await Segmenter.load()
})
t.after(() => segmenter.dispose())

const place = (points: unknown, labels?: unknown) =>
  toAddonPoints(anything(points), anything(labels), width, height, 'prompt')

t.test('points are pairs or objects; those at the rim are moved onto it', async t => {
  const { points, labels } = place([[1, 2], { x: 3, y: 4.5 }])
  t.same(
    [[...points], [...labels]],
    [
      [1, 2, 3, 4.5],
      [1, 1],
    ],
  )
  const rim = place([
    [-0.4, height + 0.6],
    [width + 1, -1],
    [0, height],
  ])
  t.same([...rim.points], [0, height, width, 0, 0, height])
  for (const point of [[-1.5, 2], [2, height + 1.1], [1e9, 2], [Number.NaN, 2], [2]]) {
    t.throws(() => place([point]), invalid(/^prompt, point 0 must/))
  }
})

t.test('what is no list of points is told', async t => {
  for (const points of [undefined, null, 5, '1,2', { x: 1, y: 2 }]) {
    t.throws(() => place(points), invalid(/points must be a list of \[x, y\] or \{ x, y \}/))
  }
  for (const point of [undefined, null, 5, 'a', {}, { x: 1 }, ['1', '2'], [[1, 2]]]) {
    t.throws(() => place([point]), invalid(/must be \[x, y\] or \{ x, y \} in pixels/))
  }
  for (const labels of [[], [1, 1], 5, null]) {
    t.throws(() => place([[1, 2]], labels), invalid(/1 points need as many labels/))
  }
  t.throws(() => place([[1, 2]], [2]), invalid(/labels must be 1/))
})

t.test('boxes may stick out but must overlap the frame', async t => {
  const lay = (box: unknown) => [...toAddonBox(anything(box), width, height, 'prompt')]
  t.same(lay([-0.5, -200, width + 0.25, 1]), [-0.5, -200, width + 0.25, 1], 'as it is')
  for (const box of [
    [width, 0, width + 5, 5],
    [-5, 0, 0, 5],
    [0, height + 40, 5, height + 50],
  ]) {
    t.throws(() => lay(box), invalid(/must overlap the frame of 96x64/))
  }
  for (const box of [undefined, null, [1, 2, 3], [5, 5, 5, 9], [9, 1, 2, 3], [0, 0, Infinity, 2]]) {
    t.throws(() => lay(box), invalid(/left, top, right, bottom with a positive size/))
  }
})

t.test('corners outside are embedded as those inside are: nothing happens at the rim', async t => {
  const encoded = await segmenter.encode({ ...squareFrame(0), format: 'rgb' })
  const logits = async (left: number) => {
    const [result] = await segmenter.segment(encoded, { box: [left, 18, 22, 42] })
    return result!.lowResLogits[0]!
  }
  const STEP = 0.1
  const [out, rim, inside] = [await logits(-STEP), await logits(0), await logits(STEP)]
  let [bend, slope] = [0, 0]
  for (const [i, value] of rim.entries()) {
    bend += (out[i]! - 2 * value + inside[i]!) ** 2
    slope += ((out[i]! - inside[i]!) / 2) ** 2
  }
  // A box that was clipped would give the rim's logits: as much bend as slope, 2 to 1.
  t.ok(slope > 0)
  t.ok(Math.sqrt(bend / slope) < 0.2, `bend ${Math.sqrt(bend / slope)} of the slope`)
  encoded.dispose()
})

t.test("detectors' boxes and results' points prompt a video", async t => {
  using video = await segmenter.openVideo([{ ...squareFrame(0), format: 'rgb' }])
  const mask = async (prompt: (video: SegmenterVideo) => ReturnType<SegmenterVideo['addBox']>) => {
    video.reset()
    return (await prompt(video)).objects[0]!.mask
  }
  const clipped = await mask(v => v.addBox(0, 'a', [0, 20, 20, 40]))
  const stuckOut = await mask(v => v.addBox(0, 'a', [-0.4, 19.7, 20.3, 40.2]))
  t.ok(iou(clipped.data, stuckOut.data) > 0.9)
  const pair = await mask(v => v.addPoints(0, 'a', [[10, 30]]))
  const named = await mask(v => v.addPoints(0, 'a', [{ x: 10, y: 30 }]))
  t.same(named.data, pair.data)
  const rim = await mask(v => v.addPoints(0, 'a', [[0, 30]]))
  t.same((await mask(v => v.addPoints(0, 'a', [[-0.7, 30]]))).data, rim.data)
  await t.rejects(async () => video.addBox(0, 'a', [100, 100, 140, 120]), invalid(/overlap/))
  await t.rejects(async () => video.addPoints(0, 'a', anything(undefined)), invalid(/list/))
})

t.test(
  'a video that cannot be read to its end gives the frames before, then the error',
  async t => {
    using video = await segmenter.openVideo(fixturePath('video/size-change.ts'))
    t.equal(video.frameCount, 12)
    await video.addPoints(4, 'a', [[40, 55]])
    const seen: number[] = []
    const follow = async (options: Parameters<SegmenterVideo['propagate']>[0]) => {
      seen.length = 0
      for await (const { frameIndex } of video.propagate(options)) seen.push(frameIndex)
    }
    const failed = { code: 'DECODE_FAILED', message: /frame 12 is 120x160/ }
    await t.rejects(follow({ startFrame: 4, direction: 'both' }), failed)
    t.same(seen, [4, 5, 6, 7, 8, 9, 10, 11, 4, 3, 2, 1, 0])
    await t.rejects(follow({}), failed)
    await follow({ maxFrames: 3 })
    t.same(seen, [4, 5, 6, 7], 'whoever stops before does not meet it')
    await follow({ direction: 'backward' })
    t.same(seen, [4, 3, 2, 1, 0])
  },
)
