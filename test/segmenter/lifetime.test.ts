import t from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { click, FRAME, loadEmbedded, squareFrame } from '../support/segmenter.js'

t.test('abort before, during and after a call', async t => {
  const model = await loadEmbedded()
  const native = addon()
  const raised = native.createCancel()
  raised.raise()
  await t.rejects(model.encode(squareFrame(10), { cancel: raised }), { code: 'ABORTED' })

  const after = native.createCancel()
  const { features } = await model.encode(squareFrame(10), { cancel: after })
  after.raise()

  // Far more work than the timer leaves time for.
  const prompts = Array.from({ length: 2000 }, () => click())
  const during = native.createCancel()
  const running = model.segment(features, prompts, { cancel: during })
  setTimeout(() => during.raise(), 1)
  await t.rejects(running, { code: 'ABORTED' })

  const found = await model.segment(features, [click()])
  t.equal(found.masks.length, 1, 'the model still works')

  const video = model.openVideo({ ...FRAME, frameCount: 4 })
  await t.rejects(video.addPoints(0, features, 1, click(), { cancel: raised }), { code: 'ABORTED' })
  t.same(video.objectIds(), [], 'an aborted prompt leaves no trace')
  await video.addPoints(0, features, 1, click())
  await t.rejects(video.commit(0, features, { cancel: raised }), { code: 'ABORTED' })
  t.same(video.promptedFrames(), [0])
  await video.commit(0, features)
  await t.rejects(video.track(1, features, { cancel: raised }), { code: 'ABORTED' })
  t.equal((await video.track(1, features)).masks.length, 1)
  await model.dispose()
})

t.test('dispose during a call, and calls after it', async t => {
  const model = await loadEmbedded()
  const { features } = await model.encode(squareFrame(10))
  const video = model.openVideo({ ...FRAME, frameCount: 4 })
  const running = model.encode(squareFrame(14))
  const queued = model.segment(features, [click()])
  const settled = Promise.allSettled([running, queued])
  await model.dispose()
  for (const result of await settled) {
    if (result.status === 'fulfilled') continue
    t.match(result.reason, { code: /^(ABORTED|DISPOSED)$/ })
  }
  await model.dispose()
  const disposed = { code: 'DISPOSED' }
  t.throws(() => model.info(), disposed)
  t.throws(() => model.openVideo({ ...FRAME, frameCount: 1 }), disposed)
  await t.rejects(model.encode(squareFrame(10)), disposed)
  await t.rejects(model.segment(features, [click()]), disposed)
  await t.rejects(video.addPoints(0, features, 1, click()), disposed)
  t.throws(() => video.objectIds(), disposed)
  features.dispose()
  video.dispose()
})

t.test('disposed features and sessions are refused, the model lives', async t => {
  const model = await loadEmbedded()
  const { features } = await model.encode(squareFrame(10))
  const video = model.openVideo({ ...FRAME, frameCount: 4 })
  features.dispose()
  features.dispose()
  await t.rejects(model.segment(features, [click()]), { code: 'DISPOSED' })
  await t.rejects(video.addPoints(0, features, 1, click()), { code: 'DISPOSED' })
  const fresh = await model.encode(squareFrame(10))
  await video.addPoints(0, fresh.features, 1, click())
  video.dispose()
  await t.rejects(video.commit(0, fresh.features), { code: 'DISPOSED' })
  t.equal((await model.segment(fresh.features, [click()])).masks.length, 1)
  await model.dispose()
})

t.test('the model says what it is', async t => {
  const model = await loadEmbedded()
  const { parameters, weightBytes, threads } = model.info()
  t.ok(parameters > 1e6)
  t.ok(weightBytes > parameters)
  t.equal(threads, 2)
  await model.dispose()
})
