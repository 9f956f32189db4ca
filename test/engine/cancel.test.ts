import { getEventListeners } from 'node:events'
import t from 'tap'
import { throwIfAborted, withCancel, workSignal } from '../../lib/engine/cancel.js'
import {
  AbortedError,
  InternalError,
  InvalidArgumentError,
  typed,
} from '../../lib/engine/errors.js'
import { addon } from '../../lib/engine/loader.js'
import { Pointer, Segmenter, VideoMolmo } from '../../lib/index.js'
import { drawClip, twoBoxes } from '../support/scene.js'

const clip = drawClip(twoBoxes(7))
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length
const engineError = (code: string) => Object.assign(new Error('as the engine says it'), { code })

t.test('a signal raises the flag of the work, and is let go afterwards', async t => {
  const { signal } = new AbortController()
  t.equal(await withCancel(signal, async () => listeners(signal)), 1)
  t.equal(listeners(signal), 0)
  await t.rejects(
    withCancel(signal, async () => {
      throw engineError('INTERNAL')
    }),
    InternalError,
  )
  t.equal(listeners(signal), 0, 'after a failure as well')

  const controller = new AbortController()
  const raised = withCancel(controller.signal, async ({ cancel }) => {
    let raises = 0
    // The prototype's method is read-only.
    Object.defineProperty(cancel, 'raise', { value: () => raises++ })
    controller.abort()
    return raises
  })
  t.equal(await raised, 1)
})

t.test('a signal that has fired before stops the work before it begins', async t => {
  const reason = new Error('enough')
  let begun = false
  const work = withCancel(AbortSignal.abort(reason), async () => {
    begun = true
  })
  await t.rejects(work, { code: 'ABORTED', cause: reason })
  t.notOk(begun)
  t.throws(() => throwIfAborted(AbortSignal.abort(reason)), AbortedError)
  throwIfAborted(undefined)
})

t.test('what is thrown before there is a promise is a typed error too', async t => {
  const atOnce = withCancel(undefined, () => {
    throw engineError('INVALID_ARGUMENT')
  })
  await t.rejects(atOnce, InvalidArgumentError)
  t.throws(() => typed(() => addon().decodeRle(Uint32Array.of(3), 2, 2)), InvalidArgumentError)
  await t.rejects(
    typed(() => Promise.reject(engineError('INVALID_ARGUMENT'))),
    InvalidArgumentError,
  )
  const other = new TypeError('no code')
  t.throws(() => {
    typed(() => {
      throw other
    })
  }, other)
  t.equal(
    typed(() => 7),
    7,
  )
})

t.test('a signal must be one', async t => {
  const refused = { code: 'INVALID_ARGUMENT', message: /signal must be an AbortSignal, got stop/ }
  const signal = 'stop' as unknown as AbortSignal
  await t.rejects(Pointer.load(undefined, { signal }), refused)
  await t.rejects(Segmenter.load(undefined, { signal }), refused)
  await using vm = await VideoMolmo.load()
  await t.rejects(vm.ground(clip, 'the red box', { signal }).next(), refused)
  await t.rejects(vm.count(clip, 'the red box', { signal }), refused)
  t.throws(() => vm.openSession('the red box', { signal }), refused)
  await t.rejects(vm.segmenter.encode(clip[0]!, { signal }), refused)
  using video = await vm.segmenter.openVideo(clip)
  await t.rejects(video.addPoints(0, 1, [[5, 5]], undefined, { signal }), refused)
})

t.test('work ends with the call that started it', t => {
  const controller = new AbortController()
  const ended = workSignal(controller.signal)
  t.equal(listeners(controller.signal), 1)
  ended.end()
  t.ok(ended.signal.aborted)
  t.equal(listeners(controller.signal), 0)
  const stopped = workSignal(controller.signal)
  controller.abort('why')
  t.equal(stopped.signal.reason, 'why')
  t.throws(() => workSignal(controller.signal), { code: 'ABORTED' })
  t.end()
})

t.test('no public call leaves a listener on the signal', async t => {
  const { signal } = new AbortController()
  const left = (what: string) => t.equal(listeners(signal), 0, what)
  await using pointer = await Pointer.load(undefined, { signal })
  await using segmenter = await Segmenter.load(undefined, { signal })
  left('load')
  await using vm = await VideoMolmo.load({ pointer, segmenter })
  const options = { signal, keyframeEvery: 3, maxFrames: 4 }
  for await (const _ of vm.ground(clip, 'the red box', options)) break
  left('ground, left early')
  await vm.count(clip, 'the red box', options)
  left('point and count')
  await segmenter.segment(clip[0]!, { points: [[5, 5]] }, { signal })
  left('segment')
  using video = await segmenter.openVideo(clip)
  await video.addPoints(0, 'a', [[5, 5]], undefined, { signal })
  for await (const _ of video.propagate({ signal, maxFrames: 2 })) break
  left('addPoints and propagate')
  const session = vm.openSession('the red box', { signal })
  t.equal(listeners(signal), 1)
  await session.push(clip[0]!)
  session.end()
  for await (const _ of session);
  left('a session that came to its end')
  vm.openSession('the red box', { signal }).dispose()
  left('a session that was disposed')
})
