import t from 'tap'
import { groundClip } from '../../lib/ground/ground.js'
import type { PointerBatch } from '../../lib/ground/models.js'
import { type GroundOptions, groundSettings, pointSettings } from '../../lib/ground/options.js'
import { pointClip } from '../../lib/ground/point.js'
import type { GroundResult } from '../../lib/ground/result.js'
import { VideoMolmo } from '../../lib/ground/videomolmo.js'
import { openClip } from '../../lib/video/source.js'
import { FakeModels } from '../support/fake-models.js'
import { center, drawClip, type Scene, twoBoxes } from '../support/scene.js'

const invalid = { code: 'INVALID_ARGUMENT' }

async function ground(scene: Scene, options: GroundOptions, batch?: PointerBatch) {
  const answer = (frame: number) =>
    frame % 15 === 10 ? [] : scene.objects.map(object => center(object, frame))
  const models = new FakeModels({ answer, ...(batch ? { batch } : {}) })
  let read = 0
  // Frames that were read before each result came.
  const ahead: number[] = []
  async function* frames() {
    for (const frame of drawClip(scene)) {
      read++
      yield frame
    }
  }
  const source = await openClip(frames())
  const settings = groundSettings(options, 4)
  const results: GroundResult[] = []
  for await (const result of groundClip(models, source, 'boxes', settings)) {
    results.push(result)
    ahead.push(read - result.frameIndex)
  }
  return { models, results, ahead }
}

const plain = (results: readonly GroundResult[]) =>
  results.map(({ timings: _, image: __, objects, mask, directions, ...rest }) => ({
    ...rest,
    mask: mask.toRLE().counts,
    objects: objects.map(object => ({ ...object, mask: object.mask.toRLE().counts })),
    directions: directions && [directions.forward?.area, directions.backward?.area],
  }))

t.test('keyframes that are answered together give the same results', async t => {
  const scene = twoBoxes(38)
  const alone = await ground(scene, { keyframeBatch: 1 })
  t.same(alone.models.batches, [1, 1, 1, 1, 1, 1, 1, 1])
  for (const [keyframeBatch, batches] of [
    [2, [2, 2, 2, 2]],
    [3, [3, 3, 2]],
    [8, [8]],
    [20, [8]],
  ] as const) {
    const together = await ground(scene, { keyframeBatch })
    t.same(together.models.batches, batches)
    t.same(plain(together.results), plain(alone.results), `batches of ${keyframeBatch}`)
    t.same(together.models.asked, alone.models.asked)
    // One at a time cannot know that no keyframe follows the last frames.
    const needed = alone.models.encodedForPointer.filter(index => index <= 35)
    t.same(together.models.encodedForPointer, needed)
    t.equal(together.models.mostFeatures, alone.models.mostFeatures)
  }
  const byDefault = await ground(scene, {})
  t.same(byDefault.models.batches, [8], 'eight by default')
})

t.test('keyframes that are encoded together give the same results', async t => {
  const scene = twoBoxes(38)
  for (const options of [{}, { keyframeEvery: 3 }, { keyframeEvery: 1 }, { keyframeEvery: 9 }]) {
    const alone = await ground(scene, { ...options, keyframeBatch: 1 })
    const needed = alone.models.encodedForPointer
    for (const frames of [1, 5, 10, 13, 20, 64]) {
      const together = await ground(scene, options, { answers: 6, frames })
      t.same(plain(together.results), plain(alone.results), `${frames} frames`)
      t.same(together.models.asked, alone.models.asked)
      const encoded = together.models.encodedForPointer
      t.same(encoded, needed.slice(0, encoded.length), 'each frame once, in order')
      t.ok(together.models.visionBatches.every(count => count <= Math.max(5, frames)))
      const answered = Math.min(6, alone.models.asked.length)
      t.equal(Math.max(...together.models.batches), answered, 'answers together')
    }
  }
  const { models } = await ground(scene, {}, { answers: 8, frames: 20 })
  t.same(models.visionBatches, [16, 20], 'four keyframes at a time')
})

t.test('reading ahead is bounded', async t => {
  const scene = twoBoxes(120)
  for (const keyframeBatch of [1, 2, 4]) {
    const { ahead } = await ground(scene, { keyframeBatch })
    const most = Math.max(...ahead)
    // The frames of a batch, and the interval that waits for its right keyframe.
    t.ok(most <= 5 * keyframeBatch + 1, `${most} frames ahead with ${keyframeBatch}`)
  }
})

t.test('large frames make smaller batches', async t => {
  const models = new FakeModels({ answer: () => [] })
  const [width, height] = [4096, 2160]
  const frame = { data: new Uint8Array(width * height * 3), width, height }
  const source = await openClip([frame, frame, frame, frame])
  const settings = pointSettings({ keyframeEvery: 5, maxFrames: 2 }, 4, 1)
  for await (const _ of pointClip(models.pointer, source, 'x', settings)) {
    // Only the batches matter.
  }
  t.same(models.batches, [1])
})

t.test('options', async t => {
  for (const keyframeBatch of [0, 1.5, 65]) {
    t.throws(() => groundSettings({ keyframeBatch }, 4), invalid)
  }
  await using vm = await VideoMolmo.load()
  t.throws(() => vm.openSession('the box', { mode: 'lag', keyframeBatch: 2 }), invalid)
})

t.test('leaving early, and failures of the pointer, leave nothing behind', async t => {
  const scene = twoBoxes(40)
  const answer = (frame: number) => {
    if (frame === 10) throw new Error('no answer')
    return scene.objects.map(object => center(object, frame))
  }
  for (const keyframeBatch of [1, 2]) {
    const models = new FakeModels({ answer })
    const source = await openClip(drawClip(scene))
    const settings = groundSettings({ keyframeBatch }, 4)
    const all = groundClip(models, source, 'boxes', settings)
    await t.rejects(
      async () => {
        for await (const _ of all);
      },
      { message: /no answer/ },
    )
    await new Promise(resolve => setImmediate(resolve))
    t.same([models.liveFeatures, models.liveTracks, models.streamsOpen], [0, 0, 0])
  }
})

t.test('the embedded models: batches and drafts change no answer', async t => {
  await using vm = await VideoMolmo.load()
  const clip = new URL('../../../assets/demo/clip.mp4', import.meta.url)
  const answers = async (options: GroundOptions) => {
    const found = []
    const asked = { ...options, maxFrames: 10 }
    for await (const { answer, stats } of vm.point(clip, 'all cyan stars', asked))
      found.push({ answer, stats })
    return found
  }
  const alone = await answers({ keyframeBatch: 1, draft: false })
  t.ok(new Set(alone.map(({ answer }) => answer)).size > 3, 'the answers differ')
  t.ok(alone.every(({ stats }) => stats.drafted === 0))
  for (const options of [{ keyframeBatch: 1 }, {}] as GroundOptions[]) {
    const found = await answers(options)
    t.same(
      found.map(({ answer }) => answer),
      alone.map(({ answer }) => answer),
    )
    const steps = (list: typeof found) => list.reduce((sum, { stats }) => sum + stats.steps, 0)
    // Eight sequences fill a step, so drafts help the last ones of a batch only.
    const share = options.keyframeBatch === 1 ? 0.5 : 0.99
    t.ok(steps(found) < share * steps(alone), `${steps(found)} steps instead of ${steps(alone)}`)
  }
})
