import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { loadTiny, picture, promptIds, tinyAttributes } from './model.js'

const request = [{ frameIndex: 0, promptIds }]
// Long enough to be still running when something else happens.
const long = { maxNewTokens: 3900 }

t.test('abort before, during and after a call', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  const early = addon().createCancel()
  early.raise()
  await t.rejects(stream.encode(0, picture(0), { cancel: early }), { code: 'ABORTED' })
  t.equal(stream.has(0), false)

  await stream.encode(0, picture(0))
  const [expected] = await stream.answer(request, { maxNewTokens: 8 })
  const cancel = addon().createCancel()
  const running = stream.answer(request, { ...long, cancel })
  const aborted = t.rejects(running, { code: 'ABORTED' })
  await setTimeout(5)
  cancel.raise()
  await aborted

  const [again] = await stream.answer(request, { maxNewTokens: 8 })
  t.same(again!.ids, expected!.ids, 'the next answer is not disturbed')
  const late = addon().createCancel()
  await stream.answer(request, { maxNewTokens: 2, cancel: late })
  late.raise()
  await pointer.dispose()
})

t.test('an aborted load', async t => {
  const cancel = addon().createCancel()
  cancel.raise()
  await t.rejects(
    addon().loadPointer({
      family: 'molmo',
      attributes: tinyAttributes(),
      weights: { hash: true },
      dtype: 'stored',
      threads: 1,
      cancel,
    }),
    { code: 'ABORTED' },
  )
})

t.test('dispose during a call and calls after it', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const running = t.rejects(stream.answer(request, long), { code: 'ABORTED' })
  await setTimeout(5)
  const queued = t.rejects(stream.answer(request), { code: 'DISPOSED' })
  await pointer.dispose()
  await running
  await queued
  await t.rejects(stream.answer(request), { code: 'DISPOSED' })
  await t.rejects(stream.encode(1, picture(1)), { code: 'DISPOSED' })
  await t.rejects(pointer.preprocess(picture(0)), { code: 'DISPOSED' })
  t.throws(() => pointer.openStream(), { code: 'DISPOSED' })
  t.throws(() => pointer.info(), { code: 'DISPOSED' })
  t.throws(() => stream.has(0), { code: 'DISPOSED' })
  await pointer.dispose()
  stream.dispose()
})

t.test('disposing a stream leaves the pointer and its other streams alone', async t => {
  const pointer = await loadTiny()
  const [first, second] = [pointer.openStream(), pointer.openStream()]
  await first.encode(0, picture(0))
  await second.encode(0, picture(0))
  first.dispose()
  first.dispose()
  await t.rejects(first.answer(request), { code: 'DISPOSED' })
  const [answer] = await second.answer(request, { maxNewTokens: 2 })
  t.equal(answer!.ids.length, 2)
  await pointer.dispose()
})

t.test('what a model is', async t => {
  const pointer = await loadTiny()
  const { parameters, weightBytes, threads } = pointer.info()
  t.equal(weightBytes, parameters * 4)
  t.equal(threads, 2)
  await pointer.dispose()
  const half = await addon().loadPointer({
    family: 'molmo',
    attributes: tinyAttributes(),
    weights: { hash: true },
    dtype: 'bf16',
    threads: 1,
  })
  t.equal(half.info().parameters, parameters)
  t.ok(half.info().weightBytes < 0.6 * weightBytes, 'matrices take half')
  const stream = half.openStream()
  await stream.encode(0, picture(0))
  t.equal((await stream.answer(request, { maxNewTokens: 3 }))[0]!.ids.length, 3)
  await half.dispose()
})

t.test('configurations that no model can have', async t => {
  const { vit, decoder, preprocess, tokens } = tinyAttributes()
  const bad: [string, Parameters<typeof tinyAttributes>[0]][] = [
    ['a patch that does not divide the crop', { vit: { ...vit, patchSize: 13 } }],
    ['no blocks', { vit: { ...vit, blocks: 0 } }],
    ['a layer beyond the encoder', { vitLayers: [-2, -9] }],
    ['no layers', { vitLayers: [] }],
    ['heads that do not divide the width', { decoder: { ...decoder, heads: 5 } }],
    ['key heads that do not divide the heads', { decoder: { ...decoder, kvHeads: 3 } }],
    ['margins that leave no window', { preprocess: { ...preprocess, marginBefore: 4 } }],
    ['odd margins', { preprocess: { ...preprocess, marginBefore: 1 } }],
    ['no crops', { preprocess: { ...preprocess, maxCrops: 0 } }],
    ['a deviation of zero', { preprocess: { ...preprocess, std: [1, 0, 1] } }],
    ['a token outside the tables', { tokens: { ...tokens, patch: 448 } }],
    ['a negative number of previous frames', { previousFrames: -1 }],
    ['an absurd width', { decoder: { ...decoder, width: 2 ** 40 } }],
    ['a field that is missing', { bos: undefined as unknown as number }],
  ]
  for (const [what, changes] of bad) {
    await t.rejects(async () => loadTiny(changes), { code: 'INVALID_ARGUMENT' }, what)
  }
})
