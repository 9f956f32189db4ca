import t from 'tap'
import { groundClip } from '../../lib/ground/ground.js'
import { type GroundOptions, groundSettings } from '../../lib/ground/options.js'
import type { GroundResult } from '../../lib/ground/result.js'
import { openClip } from '../../lib/video/source.js'
import { FakeModels, type FakeModelsOptions, type TrackRecord } from '../support/fake-models.js'
import { center, drawClip, type Scene, truth, twoBoxes } from '../support/scene.js'

async function ground(
  scene: Scene,
  fake: Partial<FakeModelsOptions> = {},
  options: GroundOptions = {},
) {
  const answer = (frame: number) => scene.objects.map(object => center(object, frame))
  const models = new FakeModels({ answer, ...fake })
  const source = await openClip(drawClip(scene))
  const settings = groundSettings(options, 4)
  const results: GroundResult[] = []
  for await (const result of groundClip(models, source, 'boxes', settings)) {
    results.push(result)
  }
  return { models, results }
}

function union(scene: Scene, frame: number): Uint8Array {
  const masks = scene.objects.map(object => truth(scene, object, frame))
  return masks[0]!.map((_, at) => +masks.some(mask => mask[at]))
}

t.test('every frame comes out once, in order, with exact masks and lasting ids', async t => {
  const scene = twoBoxes(13)
  const { results } = await ground(scene)
  t.same(
    results.map(result => result.frameIndex),
    Array.from({ length: 13 }, (_, i) => i),
  )
  for (const result of results) {
    t.ok(result.final)
    t.same(result.mask.data, union(scene, result.frameIndex), `union of ${result.frameIndex}`)
    t.same(
      result.objects.map(object => object.objectId),
      [1, 2],
    )
    for (const [o, object] of result.objects.entries()) {
      t.same(object.mask.data, truth(scene, scene.objects[o]!, result.frameIndex))
      const [point] = object.points
      t.equal(object.mask.data[point!.y * scene.width + point!.x], 1)
    }
  }
  const sources = results.map(result => result.objects[0]!.source)
  const between = ['fused', 'fused', 'fused', 'fused']
  t.same(sources, ['point', ...between, 'point', ...between, 'point', 'propagated', 'propagated'])
  t.same(
    results.filter(result => result.keyframe).map(result => result.frameIndex),
    [0, 5, 10],
  )
  t.match(results[0]!.timings, { decode: Number, vit: 1, imageEncoder: 3, maskDecoder: Number })
})

t.test('objects keep their ids when the answer changes their order', async t => {
  const scene = twoBoxes(11)
  const answer = (frame: number) => {
    const points = scene.objects.map(object => center(object, frame))
    return frame === 5 ? points.toReversed() : points
  }
  const { results } = await ground(scene, { answer })
  for (const result of results) {
    const red = result.objects.find(object => object.objectId === 1)!
    t.same(red.mask.data, truth(scene, scene.objects[0]!, result.frameIndex))
  }
})

t.test('an object that appears later gets a new id and the others keep theirs', async t => {
  const scene = twoBoxes(11)
  scene.objects[1]!.seen = frame => frame >= 5
  const answer = (frame: number) =>
    scene.objects.filter((_, o) => o === 0 || frame >= 5).map(object => center(object, frame))
  const { results } = await ground(scene, { answer })
  t.same(
    results[0]!.objects.map(object => object.objectId),
    [1],
  )
  t.same(
    results[5]!.objects.map(object => object.objectId),
    [1, 2],
  )
  t.same(
    results[10]!.objects.map(object => object.objectId),
    [1, 2],
  )
})

t.test('a keyframe without an answer takes what its neighbours bring', async t => {
  for (const silent of [0, 5, 10]) {
    const scene = twoBoxes(13)
    const answer = (frame: number) =>
      frame === silent ? [] : scene.objects.map(object => center(object, frame))
    const { results } = await ground(scene, { answer })
    for (const result of results) {
      t.same(result.mask.data, union(scene, result.frameIndex), `${silent}: ${result.frameIndex}`)
      t.same(
        result.objects.map(object => object.objectId),
        [1, 2],
        `ids at ${result.frameIndex}, silent ${silent}`,
      )
    }
    t.equal(results[silent]!.answer, '0 points')
    t.ok(results[silent]!.keyframe)
    t.not(results[silent]!.objects[0]!.source, 'point')
  }
})

t.test('a point on nothing counts as no answer', async t => {
  const scene = twoBoxes(11)
  const distort = (mask: Uint8Array, { start }: { start: number }) =>
    start === 5 ? new Uint8Array(mask.length) : mask
  const { results } = await ground(scene, { distort })
  t.same(results[5]!.mask.data, union(scene, 5))
  t.same(results[7]!.mask.data, union(scene, 7))
})

t.test('an absent thing gives empty masks and costs no image features', async t => {
  const scene = twoBoxes(12)
  const { results, models } = await ground(scene, { answer: () => [] })
  t.equal(results.length, 12)
  for (const result of results) t.equal(result.mask.area, 0)
  t.equal(models.encodedImages, 0)
})

t.test('the two directions are fused by tau', async t => {
  const scene: Scene = { ...twoBoxes(6), objects: [twoBoxes(6).objects[0]!] }
  // The forward side loses its left column, the backward side its top row.
  const distort = (mask: Uint8Array, { reverse, start, frame }: TrackRecord) => {
    if (start === frame) return mask
    const first = mask.indexOf(1)
    const [left, top] = [first % scene.width, Math.floor(first / scene.width)]
    return mask.map((value, at) => {
      const cut = reverse ? Math.floor(at / scene.width) === top : at % scene.width === left
      return cut ? 0 : value
    })
  }
  const full = 12 * 10
  const expected = { 0.7: full - 10 - 12 + 1, 0.99: full - 1 }
  for (const [tau, area] of Object.entries(expected)) {
    const { results } = await ground(scene, { distort }, { tau: Number(tau) })
    t.equal(results[2]!.mask.area, area, `tau ${tau}`)
    t.equal(results[2]!.objects[0]!.mask.area, area)
  }
  const left = await ground(scene, { distort }, { fusion: 'prefer-left' })
  t.equal(left.results[2]!.mask.area, full - 10)
  const right = await ground(scene, { distort }, { fusion: 'prefer-right' })
  t.equal(right.results[2]!.mask.area, full - 12)
})

t.test('frames are encoded for the pointer only where a keyframe looks at them', async t => {
  const scene = twoBoxes(12)
  const few = await ground(scene, {}, { keyframeEvery: 5, contextFrames: 2 })
  t.same(few.models.encodedForPointer, [0, 3, 4, 5, 8, 9, 10])
  const none = await ground(scene, {}, { keyframeEvery: 5, contextFrames: 0 })
  t.same(none.models.encodedForPointer, [0, 5, 10])
  const black = await ground(scene, {}, { keyframeEvery: 5, blackContext: true })
  t.same(black.models.encodedForPointer, [0, 5, 10])
})

t.test('memory stays bounded however long the clip is', async t => {
  const short = await ground(twoBoxes(30))
  const long = await ground(twoBoxes(300))
  t.equal(long.models.mostFeatures, short.models.mostFeatures)
  t.ok(long.models.mostFeatures <= 6, `${long.models.mostFeatures} frames of features`)
  t.equal(long.models.mostTracks, 2)
  t.equal(long.models.encodedImages, 300, 'each frame is encoded once')
  t.same(
    [long.models.liveFeatures, long.models.liveTracks, long.models.streamsOpen],
    [0, 0, 0],
    'nothing is left',
  )
})

t.test('k = 1 points on every frame; a clip of one frame works', async t => {
  const every = await ground(twoBoxes(4), {}, { keyframeEvery: 1 })
  t.same(every.models.asked, [0, 1, 2, 3])
  for (const result of every.results) t.equal(result.objects[0]!.source, 'point')
  const one = await ground(twoBoxes(1))
  t.equal(one.results.length, 1)
  t.equal(one.results[0]!.mask.area, 2 * 120)
})

t.test('leaving the loop early frees everything', async t => {
  const scene = twoBoxes(20)
  const models = new FakeModels({ answer: f => scene.objects.map(object => center(object, f)) })
  const source = await openClip(drawClip(scene))
  const settings = groundSettings({}, 4)
  for await (const result of groundClip(models, source, 'boxes', settings)) {
    if (result.frameIndex === 7) break
  }
  await new Promise(resolve => setImmediate(resolve))
  t.same([models.liveFeatures, models.liveTracks, models.streamsOpen], [0, 0, 0])
})

t.test('abort before and during', async t => {
  const scene = twoBoxes(20)
  await t.rejects(ground(scene, {}, { signal: AbortSignal.abort() }), { code: 'ABORTED' })
  const controller = new AbortController()
  const onProgress = ({ framesDone }: { framesDone: number }) => {
    if (framesDone === 6) controller.abort()
  }
  const { signal } = controller
  await t.rejects(ground(scene, {}, { signal, onProgress }), { code: 'ABORTED' })
})

t.test('progress counts frames', async t => {
  const seen: number[] = []
  const onProgress = (progress: { framesDone: number; frameCount: number | null }) => {
    t.equal(progress.frameCount, 7)
    seen.push(progress.framesDone)
  }
  await ground(twoBoxes(9), {}, { onProgress, maxFrames: 7 })
  t.same(seen, [1, 2, 3, 4, 5, 6, 7])
})
