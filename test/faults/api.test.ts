import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import {
  EMBEDDED,
  fuseMasks,
  type GroundOptions,
  Mask,
  Pointer,
  Segmenter,
  VideoMolmo,
} from '../../lib/index.js'
import { drawClip, drawFrame, twoBoxes } from '../support/scene.js'

const scene = twoBoxes(8)
const clip = drawClip(scene)
const sentence = 'the red square'

async function drain(results: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of results) count++
  return count
}

t.test('places that hold no checkpoint', async t => {
  const folder = t.testdir({
    empty: {},
    other: { 'config.json': '{"model_type": "llama"}' },
    json: { 'config.json': '{' },
    bare: { 'config.json': '{"model_type": "molmo"}' },
  })
  const load = (name: string) => VideoMolmo.load({ pointer: join(folder, name) })
  await t.rejects(load('missing'), { code: 'MODEL_NOT_FOUND', message: /missing/ })
  await t.rejects(load('empty'), { code: 'CHECKPOINT_INVALID', message: /config\.json/ })
  await t.rejects(load('other'), { code: 'UNSUPPORTED_MODEL', message: /llama/ })
  await t.rejects(load('json'), { code: 'CHECKPOINT_INVALID', message: /JSON/ })
  await t.rejects(load('bare'), { name: /Error/, code: /CHECKPOINT_INVALID|MODEL_NOT_FOUND/ })
  await t.rejects(Pointer.load(EMBEDDED.segmenter), { code: 'UNSUPPORTED_MODEL' })
  await t.rejects(Segmenter.load(EMBEDDED.pointer), { code: 'UNSUPPORTED_MODEL' })
})

t.test('weights that are cut off or overwritten', async t => {
  const folder = t.testdir()
  const copy = async (name: string, change: (bytes: Buffer) => Buffer) => {
    const path = join(folder, name)
    await cp(EMBEDDED.segmenter, path, { recursive: true })
    const { readFile } = await import('node:fs/promises')
    const bytes = await readFile(join(path, 'model.safetensors'))
    await writeFile(join(path, 'model.safetensors'), change(bytes))
    return Segmenter.load(path)
  }
  const invalid = { code: 'CHECKPOINT_INVALID', message: /model\.safetensors/ }
  await t.rejects(
    copy('cut', bytes => bytes.subarray(0, bytes.length - 100)),
    invalid,
  )
  await t.rejects(
    copy('tiny', bytes => bytes.subarray(0, 4)),
    invalid,
  )
  await t.rejects(
    copy('header', bytes => {
      const broken = Buffer.from(bytes)
      broken.writeBigUInt64LE(1n << 60n)
      return broken
    }),
    invalid,
  )
})

t.test('a tokenizer of another model', async t => {
  const folder = t.testdir()
  await mkdir(join(folder, 'pointer'), { recursive: true })
  await cp(EMBEDDED.pointer, join(folder, 'pointer'), { recursive: true })
  const other = { model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] }, added_tokens: [] }
  await writeFile(join(folder, 'pointer', 'tokenizer.json'), JSON.stringify(other))
  await t.rejects(Pointer.load(join(folder, 'pointer')), { code: 'CHECKPOINT_INVALID' })
})

t.test('load options', async t => {
  const bad = { code: 'INVALID_ARGUMENT' }
  await t.rejects(Pointer.load(EMBEDDED.pointer, { threads: -1 }), bad)
  await t.rejects(Pointer.load(EMBEDDED.pointer, { dtype: 'int3' as 'fp32' }), bad)
  await t.rejects(Pointer.load(EMBEDDED.pointer, { device: 'tpu' as 'cpu' }), bad)
  await t.rejects(Pointer.load(EMBEDDED.pointer, { device: 'cuda:x' as 'cuda' }), bad)
  // A device that no machine has, so that the test means the same with and without a GPU.
  const absent = { code: 'DEVICE_UNAVAILABLE', message: /cuda:999|driver/ }
  await t.rejects(Pointer.load(undefined, { device: 'cuda:999' }), absent)
  await t.rejects(Segmenter.load(undefined, { device: 'cuda:999' }), absent)
  const signal = AbortSignal.abort()
  await t.rejects(VideoMolmo.load({ signal }), { code: 'ABORTED' })
})

t.test('calls with a loaded model', async t => {
  const vm = await VideoMolmo.load()
  t.teardown(() => vm.dispose())

  await t.test('options, sentences and sources', async t => {
    const run = (options: GroundOptions, text = sentence) => drain(vm.ground(clip, text, options))
    const bad = { code: 'INVALID_ARGUMENT' }
    await t.rejects(run({ keyframeEvery: -1 }), bad)
    await t.rejects(run({ tau: 1.5 }), bad)
    await t.rejects(run({ contextFrames: 5 }), bad)
    await t.rejects(run({}, ''), bad)
    await t.rejects(run({}, 'x'.repeat(100_000)), bad)
    await t.rejects(drain(vm.ground('no such file.mp4', sentence)), { code: 'DECODE_FAILED' })
    await t.rejects(drain(vm.ground([], sentence)), { code: 'DECODE_FAILED' })
    const huge = { data: new Uint8Array(3), width: 100_000, height: 1 }
    await t.rejects(drain(vm.ground(huge, sentence)), bad)
    await t.rejects(vm.count(clip, sentence, { rule: 'least' as 'max' }), bad)
    t.throws(() => vm.openSession(sentence, { mode: 'live' as 'lag' }), bad)
  })

  await t.test('abort before, during and after', async t => {
    const aborted = { code: 'ABORTED' }
    const before = AbortSignal.abort()
    await t.rejects(drain(vm.ground(clip, sentence, { signal: before })), aborted)
    await t.rejects(drain(vm.point(clip, sentence, { signal: before })), aborted)
    await t.rejects(vm.count(clip, sentence, { signal: before }), aborted)
    const during = new AbortController()
    const running = drain(vm.ground(clip, sentence, { signal: during.signal }))
    setImmediate(() => during.abort())
    await t.rejects(running, aborted)
    const after = new AbortController()
    t.equal(await drain(vm.ground(clip, sentence, { signal: after.signal })), clip.length)
    after.abort()
    t.equal(await drain(vm.ground(clip, sentence)), clip.length, 'the model still works')
  })

  await t.test('sentences that look like control tokens are only text', async t => {
    const odd = 'the <im_patch> <|endoftext|> Assistant: "square" ☃ \u0000'
    t.equal(await drain(vm.point(clip[0]!, odd)), 1)
  })
})

t.test('clicks, boxes and objects', async t => {
  const segmenter = await Segmenter.load()
  t.teardown(() => segmenter.dispose())
  const bad = { code: 'INVALID_ARGUMENT' }
  const image = drawFrame(scene, 0)
  await t.rejects(segmenter.segment(image, { points: [[Number.NaN, 3]] }), bad)
  await t.rejects(segmenter.segment(image, { points: [[66, 3]] }), bad)
  await t.rejects(segmenter.segment(image, { points: [[5, 5]], labels: [1, 0] }), bad)
  await t.rejects(segmenter.segment(image, { points: [[5, 5]], labels: [7] }), bad)
  await t.rejects(segmenter.segment(image, { box: [10, 10, 5, 20] }), bad)
  await t.rejects(segmenter.segment(image, {}), bad)
  await t.rejects(segmenter.segment('no such picture.png', { points: [[5, 5]] }), {
    code: 'DECODE_FAILED',
  })
  const video = await segmenter.openVideo(clip)
  t.teardown(() => video.dispose())
  await t.rejects(drain(video.propagate()), bad, 'nothing was prompted')
  await video.addPoints(0, 'red', [[8, 8]])
  await t.rejects(video.addPoints(99, 'red', [[8, 8]]), bad)
  await t.rejects(video.clearPromptsInFrame(0, 'blue'), { ...bad, message: /"blue".*"red"/ })
  await t.rejects(video.removeObject('blue', { strict: true }), bad)
  t.same(await video.removeObject('blue'), [])
  await t.rejects(video.addMask(0, 'red', { data: new Uint8Array(3), width: 2, height: 2 }), bad)
  await t.rejects(drain(video.propagate({ direction: 'up' as 'both' })), bad)
  const signal = AbortSignal.abort()
  await t.rejects(drain(video.propagate({ signal })), { code: 'ABORTED' })
  t.equal(await drain(video.propagate()), clip.length)
})

t.test('dispose during a call, and calls after it', async t => {
  const vm = await VideoMolmo.load()
  const running = drain(vm.ground(clip, sentence))
  running.catch(() => {})
  await new Promise(resolve => setImmediate(resolve))
  await vm.dispose()
  await t.rejects(running, { code: /ABORTED|DISPOSED/ })
  await vm.dispose()
  const disposed = { code: 'DISPOSED' }
  await t.rejects(drain(vm.ground(clip, sentence)), disposed)
  await t.rejects(drain(vm.point(clip, sentence)), disposed)
  await t.rejects(vm.count(clip, sentence), disposed)
  t.throws(() => vm.openSession(sentence), disposed)
  t.throws(() => vm.pointer.info, disposed)
  await t.rejects(vm.segmenter.segment(clip[0]!, { points: [[1, 1]] }), disposed)
})

t.test('models that the caller brought stay the caller’s', async t => {
  const pointer = await Pointer.load()
  const segmenter = await Segmenter.load()
  const vm = await VideoMolmo.load({ pointer, segmenter })
  await vm.dispose()
  t.ok(pointer.info.parameters > 0)
  t.ok(segmenter.info.parameters > 0)
  await Promise.all([pointer.dispose(), segmenter.dispose()])
})

t.test('masks that do not fit together', async t => {
  const small = new Mask(new Uint8Array(4), 2, 2)
  const wide = new Mask(new Uint8Array(6), 3, 2)
  const bad = { code: 'INVALID_ARGUMENT' }
  t.throws(() => fuseMasks(small, wide), bad)
  t.throws(() => fuseMasks(null, null), bad)
  t.throws(() => fuseMasks(small, small, { tau: 2 }), bad)
  t.same(fuseMasks(null, small).data, small.data)
})
