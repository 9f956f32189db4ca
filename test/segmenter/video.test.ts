import t from 'tap'
import type {
  AddonImageFeatures,
  AddonSegmenter,
  AddonVideoOptions,
} from '../../lib/engine/addon.js'
import {
  area,
  click,
  encodeClip,
  FRAME,
  iou,
  loadEmbedded,
  propagate,
  squareFrame,
} from '../support/segmenter.js'

const FRAMES = 6
let model: AddonSegmenter
let features: AddonImageFeatures[]
t.before(async () => {
  model = await loadEmbedded()
  features = await encodeClip(model, FRAMES)
})
t.after(() => model.dispose())

const open = (options: Partial<AddonVideoOptions> = {}) =>
  model.openVideo({ ...FRAME, frameCount: FRAMES, ...options })

t.test('a click is propagated forward and backward', async t => {
  const video = open()
  const prompted = await video.addPoints(2, features[2]!, 7, click(2))
  t.equal(prompted.frameIndex, 2)
  t.same(prompted.objectIds, [7])
  t.same(video.promptedFrames(), [2])
  const forward = await propagate(video, features)
  t.same(video.promptedFrames(), [])
  t.same([...forward.keys()], [2, 3, 4, 5])
  t.strictSame(forward.get(2), prompted.masks[0], 'a prompted frame keeps its mask')
  const backward = await propagate(video, features, { startFrame: 2, reverse: true })
  t.same([...backward.keys()], [2, 1, 0])
  for (const mask of [...forward.values(), ...backward.values()]) t.ok(area(mask) > 50)
  t.same(video.objectIds(), [7])
  video.dispose()
})

t.test('objects of one batch are what they are alone', async t => {
  const both = open()
  await both.addPoints(0, features[0]!, 1, click())
  await both.addPoints(0, features[0]!, 2, { box: Float32Array.of(60, 4, 90, 14) })
  for (const frame of both.promptedFrames()) await both.commit(frame, features[frame]!)
  const alone = open()
  await alone.addPoints(0, features[0]!, 2, { box: Float32Array.of(60, 4, 90, 14) })
  await alone.commit(0, features[0]!)
  for (const frame of both.planPropagation({ maxFrames: 3 })) {
    const pair = await both.track(frame, features[frame]!, { logits: true })
    const one = await alone.track(frame, features[frame]!, { logits: true })
    t.same(pair.objectIds, [1, 2])
    const size = FRAME.width * FRAME.height
    const logits = pair.logits!.subarray(size, 2 * size)
    const largest = one.logits!.reduce((most, v, i) => Math.max(most, Math.abs(v - logits[i]!)), 0)
    t.ok(largest < 1e-2, `frame ${frame}: ${largest}`)
  }
})

t.test('a mask prompt is reproduced', async t => {
  const video = open()
  const data = new Uint8Array(FRAME.width * FRAME.height)
  for (let row = 20; row < 40; row++) data.fill(1, row * FRAME.width + 10, row * FRAME.width + 30)
  const found = await video.addMask(0, features[0]!, 1, { data, ...FRAME })
  t.ok(iou(found.masks[0]!, data) > 0.8, `IoU ${iou(found.masks[0]!, data)}`)
  t.equal(found.objectScores[0], 10)
  const half = { data: new Uint8Array(48 * 32).fill(1), width: 48, height: 32 }
  const whole = await video.addMask(1, features[1]!, 1, half)
  t.equal(area(whole.masks[0]!), FRAME.width * FRAME.height)
  await t.rejects(async () => video.addMask(0, features[0]!, 1, { ...half, width: 49 }), {
    code: 'INVALID_ARGUMENT',
    message: /bytes/,
  })
})

t.test('a correction survives the next pass unless the reference is asked for', async t => {
  const correct = async (keepCorrections: boolean) => {
    const video = open({ keepCorrections })
    await video.addPoints(0, features[0]!, 1, click())
    const first = await propagate(video, features)
    const data = new Uint8Array(FRAME.width * FRAME.height)
    data.fill(1, 0, 8 * FRAME.width)
    const corrected = await video.addMask(3, features[3]!, 1, { data, ...FRAME })
    const second = await propagate(video, features)
    return { first: first.get(3)!, corrected: corrected.masks[0]!, second: second.get(3)! }
  }
  const kept = await correct(true)
  t.strictSame(kept.second, kept.corrected)
  const lost = await correct(false)
  t.ok(iou(lost.second, lost.corrected) < 0.5, 'recomputed without the correction')
})

t.test('clearing and removing', async t => {
  const video = open()
  await video.addPoints(0, features[0]!, 1, click())
  await video.addPoints(0, features[0]!, 2, { box: Float32Array.of(60, 4, 90, 14) })
  const cleared = await video.clearPromptsInFrame(0, 2)
  t.equal(area(cleared.masks[1]!), 0, 'no output is left')
  t.equal(cleared.objectScores[1], -1024)
  t.throws(() => video.planPropagation({}), { code: 'INVALID_ARGUMENT', message: /not committed/ })
  await video.commit(0, features[0]!)
  t.throws(() => video.planPropagation({}), { code: 'INVALID_ARGUMENT', message: /Object 2/ })
  t.same(await video.removeObject(9), [])
  await t.rejects(video.removeObject(9, { strict: true }), { code: 'INVALID_ARGUMENT' })
  await t.rejects(video.clearPromptsInFrame(0, 9), {
    code: 'INVALID_ARGUMENT',
    message: /no object 9/,
  })
  await video.removeObject(2)
  t.same(video.objectIds(), [1])
  t.same(video.planPropagation({ maxFrames: 1 }), [0, 1])
  await video.removeObject(1)
  t.same(video.objectIds(), [])
})

t.test('what a pass visits', async t => {
  const video = open()
  t.throws(() => video.planPropagation({}), { code: 'INVALID_ARGUMENT', message: /nothing/ })
  await t.rejects(video.track(1, features[1]!), { code: 'INVALID_ARGUMENT', message: /nothing/ })
  await video.addPoints(0, features[0]!, 1, click())
  await t.rejects(video.track(1, features[1]!), {
    code: 'INVALID_ARGUMENT',
    message: /no committed prompt/,
  })
  await video.commit(0, features[0]!)
  t.same(video.planPropagation({}), [0, 1, 2, 3, 4, 5])
  t.same(video.planPropagation({ maxFrames: 2 }), [0, 1, 2])
  t.same(video.planPropagation({ startFrame: 4, maxFrames: 9 }), [4, 5])
  t.same(video.planPropagation({ startFrame: 3, maxFrames: 1, reverse: true }), [3, 2])
  t.same(video.planPropagation({ reverse: true }), [], 'nothing lies before frame 0')
  t.throws(() => video.planPropagation({ startFrame: FRAMES }), { code: 'INVALID_ARGUMENT' })
  t.equal(video.needsFeatures(0), false)
  t.equal(video.needsFeatures(1), true)
  const same = await video.track(0, undefined as never)
  t.ok(area(same.masks[0]!) > 0, 'a prompted frame needs no features')
  await t.rejects(video.track(1, undefined as never), {
    code: 'INVALID_ARGUMENT',
    message: /needs its image features/,
  })
  video.reset()
  t.same(video.objectIds(), [])
})

t.test('prompts and features that do not fit', async t => {
  const video = open()
  const refused = (frame: number, prompt: object, message: RegExp, with_ = features[0]!) =>
    t.rejects(async () => video.addPoints(frame, with_, 1, prompt), {
      code: 'INVALID_ARGUMENT',
      message,
    })
  await refused(0, {}, /points or a box/)
  await refused(0, { points: Float32Array.of(1, Number.NaN), labels: Int32Array.of(1) }, /finite/)
  await refused(0, { points: Float32Array.of(1, 65), labels: Int32Array.of(1) }, /outside/)
  await refused(0, { points: Float32Array.of(1, 2) }, /labels/)
  await refused(0, { box: Float32Array.of(1, 2, 30, 40), clearOldPoints: false }, /clearOldPoints/)
  await refused(FRAMES, click(), /frameIndex/)
  await refused(-1, click(), /frameIndex/)
  const normalized = {
    points: Float32Array.of(1.5, 0.5),
    labels: Int32Array.of(1),
    normalized: true,
  }
  await refused(0, normalized, /outside/)
  const size = { width: 50, height: 40 }
  const small = await model.encode(squareFrame(10, size))
  await refused(0, click(), /50 x 40/, small.features)
  t.same(video.objectIds(), [], 'a refused prompt makes no object')
  t.throws(() => open({ width: 0 }), { code: 'INVALID_ARGUMENT' })
  t.throws(() => open({ frameCount: -1 }), { code: 'INVALID_ARGUMENT' })
  t.throws(() => open({ memoryStride: 0 }), { code: 'INVALID_ARGUMENT' })
})

t.test('points in fractions are the same points', async t => {
  const [pixels, fractions] = [open(), open()]
  const a = await pixels.addPoints(0, features[0]!, 1, click(), { logits: true })
  const points = Float32Array.of(20 / FRAME.width, 30 / FRAME.height)
  const b = await fractions.addPoints(
    0,
    features[0]!,
    1,
    { points, labels: Int32Array.of(1), normalized: true },
    { logits: true },
  )
  const apart = a.logits!.reduce((most, v, i) => Math.max(most, Math.abs(v - b.logits![i]!)), 0)
  t.ok(apart < 1e-3, `${apart}`)
})

t.test('a live stream forgets what is out of reach', async t => {
  const video = open({ frameCount: 0 })
  t.throws(() => video.planPropagation({}), { code: 'INVALID_ARGUMENT' })
  await video.addPoints(0, features[0]!, 1, click())
  await video.commit(0, features[0]!)
  t.throws(() => video.planPropagation({}), { code: 'INVALID_ARGUMENT', message: /maxFrames/ })
  for (let frame = 1; frame < 40; frame++) {
    const found = await video.track(frame, features[frame % FRAMES]!)
    t.equal(found.masks.length, 1)
  }
  // A frame that was forgotten is like one that was never tracked: its first prompt needs no memory.
  video.forget(30, 39)
  const again = await video.addPoints(5, features[5]!, 1, click(5))
  t.ok(area(again.masks[0]!) > 0)
})
