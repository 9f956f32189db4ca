import t from 'tap'
import { groundClip } from '../../lib/ground/ground.js'
import { groundSettings } from '../../lib/ground/options.js'
import type { GroundResult } from '../../lib/ground/result.js'
import { GroundSession, type SessionOptions } from '../../lib/ground/session.js'
import { FakeModels } from '../support/fake-models.js'
import { center, drawClip, truth, twoBoxes } from '../support/scene.js'

const scene = twoBoxes(13)
const clip = drawClip(scene)

function open(options: SessionOptions = {}) {
  const models = new FakeModels({ answer: f => scene.objects.map(object => center(object, f)) })
  const settings = groundSettings({}, 4)
  const session = GroundSession.open(
    (source, signal) =>
      groundClip(models, source, 'boxes', { ...settings, signal }, options.mode === 'lag'),
    options,
  )
  return { session, models }
}

async function collect(session: GroundSession): Promise<GroundResult[]> {
  const results: GroundResult[] = []
  for await (const result of session) results.push(result)
  return results
}

async function pushAll(session: GroundSession): Promise<void> {
  for (const frame of clip) await session.push(frame)
  session.end()
}

t.test('an offline session gives what ground gives', async t => {
  const { session, models } = open()
  const [results] = await Promise.all([collect(session), pushAll(session)])
  t.same(
    results.map(result => result.frameIndex),
    clip.map((_, i) => i),
  )
  t.ok(results.every(result => result.final))
  t.same([models.liveFeatures, models.liveTracks], [0, 0])
})

t.test('a lag session answers at once and finally within one interval', async t => {
  const { session } = open({ mode: 'lag' })
  const [results] = await Promise.all([collect(session), pushAll(session)])
  const finals = results.filter(result => result.final)
  t.same(
    finals.map(result => result.frameIndex),
    clip.map((_, i) => i),
  )
  for (const index of clip.keys()) {
    const first = results.findIndex(result => result.frameIndex === index)
    const later = results.slice(first).find(result => result.final && result.frameIndex === index)!
    const newest = Math.max(
      ...results.slice(0, results.indexOf(later)).map(result => result.frameIndex),
      index,
    )
    t.ok(newest - index <= 5, `frame ${index} is final at frame ${newest}`)
    if (index % 5 !== 0) t.notOk(results[first]!.final, `frame ${index} has a first estimate`)
    t.same(results[first]!.objects[0]!.mask.data, truth(scene, scene.objects[0]!, index))
  }
})

t.test('push waits while the queue is full', async t => {
  const { session } = open({ queueSize: 2 })
  let pushed = 0
  const pushing = (async () => {
    for (const frame of clip) {
      await session.push(frame)
      pushed++
    }
    session.end()
  })()
  await new Promise(resolve => setImmediate(resolve))
  t.equal(pushed, 2)
  const results = await collect(session)
  await pushing
  t.equal(results.length, clip.length)
})

t.test('a session that is disposed or ended', async t => {
  const disposed = open()
  await disposed.session.push(clip[0]!)
  const running = collect(disposed.session)
  disposed.session.dispose()
  await t.rejects(running, { code: 'ABORTED' })
  await t.rejects(disposed.session.push(clip[0]!), { code: 'DISPOSED' })
  const ended = open()
  ended.session.end()
  await t.rejects(ended.session.push(clip[0]!), { code: 'INVALID_ARGUMENT' })
  t.same(await collect(ended.session), [], 'no frames, no results')
  t.throws(() => ended.session[Symbol.asyncIterator](), { code: 'INVALID_ARGUMENT' })
  const controller = new AbortController()
  const aborted = open({ signal: controller.signal })
  const waiting = collect(aborted.session)
  controller.abort()
  await t.rejects(waiting, { code: 'ABORTED' })
})

t.test('bad frames and options meet the caller', async t => {
  const { session } = open()
  await t.rejects(session.push({ data: new Uint8Array(1), width: 4, height: 4 }), {
    code: 'INVALID_ARGUMENT',
  })
  t.throws(() => open({ queueSize: 0 }), { code: 'INVALID_ARGUMENT' })
})
