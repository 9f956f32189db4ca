import t from 'tap'
import type { AddonAnswer, AddonPointerStream } from '../../lib/engine/addon.js'
import { loadTiny, picture, promptIds, tinyAttributes } from './model.js'

const maxNewTokens = 12
const ids = (answer: AddonAnswer | undefined) => [...answer!.ids]

/** The last prompt position's logits, through the path that computes every stage. */
async function logits(stream: AddonPointerStream, frameIndex: number, contextFrames: number) {
  const [answer] = await stream.answer([{ frameIndex, promptIds }], {
    maxNewTokens: 1,
    contextFrames,
    trace: true,
  })
  return [...(answer!.tensors!['llm.logits.last']!.data as Float32Array)]
}

t.test('one batch gives what one request after the other gives', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream({ capacity: 12 })
  for (let i = 0; i < 12; i++) await stream.encode(i, picture(i))
  const requests = Array.from({ length: 12 }, (_, i) => ({
    frameIndex: i,
    // Lengths differ, and so do the ends of sequences in a batch.
    promptIds: promptIds.subarray(0, 1 + (i % promptIds.length)),
  }))
  const batch = await stream.answer(requests, { maxNewTokens })
  t.equal(batch.length, 12)
  for (const [i, request] of requests.entries()) {
    const [alone] = await stream.answer([request], { maxNewTokens })
    t.same(ids(batch[i]), ids(alone), `frame ${i}`)
    t.equal(alone!.ids.length, maxNewTokens)
    t.equal(alone!.stopped, 'length')
  }
  t.ok(new Set(batch.map(answer => ids(answer).join())).size > 1, 'the answers are not all alike')
  t.same(await stream.answer([]), [])
  await pointer.dispose()
})

t.test('prompts on one frame share its image and keep their own answers', async t => {
  const pointer = await loadTiny()
  for (const [width, height] of [
    [120, 90],
    [40, 50],
  ] as const) {
    const stream = pointer.openStream()
    await stream.encode(0, picture(1, width, height))
    await stream.encode(1, picture(2, width, height))
    const prompts = [promptIds, promptIds.subarray(2), Int32Array.from([5, 6]), promptIds]
    const requests = prompts.map(promptIds => ({ frameIndex: 1, promptIds }))
    const together = await stream.answer(requests, { maxNewTokens })
    for (const [i, request] of requests.entries()) {
      const [alone] = await stream.answer([request], { maxNewTokens })
      t.same(ids(together[i]), ids(alone), `${width}x${height}, prompt ${i}`)
    }
    t.same(ids(together[0]), ids(together[3]))
  }
  await pointer.dispose()
})

t.test('what a trace does not skip changes nothing', async t => {
  const pointer = await loadTiny()
  for (const [width, height] of [
    [120, 90],
    [40, 50],
    [160, 60],
  ] as const) {
    const fast = pointer.openStream()
    const traced = pointer.openStream()
    for (const i of [0, 1, 2]) {
      await fast.encode(i, picture(i, width, height))
      await traced.encode(i, picture(i, width, height), { trace: true })
    }
    const request = [{ frameIndex: 2, promptIds }]
    const [a] = await fast.answer(request, { maxNewTokens })
    const [b] = await traced.answer(request, { maxNewTokens, trace: true })
    const [c] = await fast.answer(request, { maxNewTokens, trace: true })
    t.same(ids(a), ids(b), `${width}x${height}`)
    t.same(ids(a), ids(c), `${width}x${height}, features encoded without a trace`)
    t.ok(b!.tensors!['win.prev'] && b!.tensors!['gen.logits'], 'stages are recorded')
    t.equal(a!.tensors, undefined)
  }
  await pointer.dispose()
})

t.test('previous frames', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream({ capacity: 5 })
  for (let i = 0; i < 5; i++) await stream.encode(i, picture(i))
  const all = await logits(stream, 4, 4)
  t.notSame(await logits(stream, 4, 0), all, 'the previous frames matter')
  t.notSame(await logits(stream, 4, 2), all, 'so does their number')
  const [black] = await stream.answer([{ frameIndex: 4, promptIds }], {
    maxNewTokens: 1,
    blackContext: true,
    trace: true,
  })
  const blackLogits = [...(black!.tensors!['llm.logits.last']!.data as Float32Array)]
  t.same(blackLogits, await logits(stream, 4, 0))

  const alone = pointer.openStream()
  await alone.encode(4, picture(4))
  t.same(await logits(alone, 4, 4), blackLogits, 'frames not encoded count as black')
  for (const contextFrames of [-1, 5, 1.5]) {
    await t.rejects(
      async () => stream.answer([{ frameIndex: 4, promptIds }], { contextFrames }),
      { code: 'INVALID_ARGUMENT' },
      `contextFrames ${contextFrames}`,
    )
  }
  await pointer.dispose()
})

t.test('the ring forgets the frame that came in first', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream({ capacity: 2 })
  await stream.encode(0, picture(0))
  await stream.encode(1, picture(1))
  t.ok(stream.has(0) && stream.has(1))
  await stream.encode(2, picture(2))
  t.same(
    [0, 1, 2].map(i => stream.has(i)),
    [false, true, true],
  )
  await t.rejects(stream.answer([{ frameIndex: 0, promptIds }]), {
    code: 'INVALID_ARGUMENT',
    message: /Frame 0 .*ring of 2/,
  })
  await t.rejects(stream.answer([{ frameIndex: 7, promptIds }]), { code: 'INVALID_ARGUMENT' })
  const before = await logits(stream, 2, 1)
  t.same(
    (await stream.encode(2, picture(9))).times,
    {},
    'a frame that is held is not encoded again',
  )
  t.same(await logits(stream, 2, 1), before)
  for (const capacity of [0, -1, 2.5]) {
    t.throws(() => pointer.openStream({ capacity }), { code: 'INVALID_ARGUMENT' })
  }
  await pointer.dispose()
})

t.test('how answers end', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const request = [{ frameIndex: 0, promptIds }]
  const [whole] = await stream.answer(request, { maxNewTokens })
  const end = whole!.ids.findIndex((id, i) => i > 0 && !whole!.ids.subarray(0, i).includes(id))
  t.ok(end > 0, 'the answer has two different ids')
  const stopIds = whole!.ids.slice(end, end + 1)
  const [stopped] = await stream.answer(request, { maxNewTokens, stopIds })
  t.same(ids(stopped), ids(whole).slice(0, end))
  t.equal(stopped!.stopped, 'stop')
  await pointer.dispose()

  const ending = await loadTiny({ eos: stopIds[0]! })
  const other = ending.openStream()
  await other.encode(0, picture(0))
  const [ended] = await other.answer(request, { maxNewTokens })
  t.same(ids(ended), ids(whole).slice(0, end))
  t.equal(ended!.stopped, 'eos')
  for (const maxNewTokens of [0, -3]) {
    await t.rejects(other.answer(request, { maxNewTokens }), { code: 'INVALID_ARGUMENT' })
  }
  await ending.dispose()
})

t.test('the last position ends an answer; a prompt that needs more is refused', async t => {
  const pointer = await loadTiny({ decoder: { ...tinyAttributes().decoder, maxPositions: 64 } })
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const [answer] = await stream.answer([{ frameIndex: 0, promptIds }], {
    maxNewTokens: 40,
    trace: true,
  })
  const rows = answer!.tensors!['pre.input_ids']!.shape[0]!
  t.equal(answer!.ids.length, 64 - rows + 1)
  t.equal(answer!.stopped, 'length')
  await t.rejects(stream.answer([{ frameIndex: 0, promptIds: new Int32Array(100_000) }]), {
    code: 'INVALID_ARGUMENT',
    message: /positions; the model has 64/,
  })
  await pointer.dispose()
})

t.test('prompt ids', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const ask = (...given: number[]) =>
    stream.answer([{ frameIndex: 0, promptIds: Int32Array.from(given) }], {
      maxNewTokens: 2,
      trace: true,
    })
  await t.rejects(ask(5, 448), { code: 'INVALID_ARGUMENT', message: /448/ })
  await t.rejects(ask(-1), { code: 'INVALID_ARGUMENT' })
  await t.rejects(ask(324, 5, 324), { code: 'INVALID_ARGUMENT', message: /once/ })
  const [inside] = await ask(5, 324, 6)
  const sequence = [...(inside!.tensors!['pre.input_ids']!.data as Int32Array)]
  t.same(sequence.slice(0, 3), [319, 5, 320], 'the image takes the place of its token')
  t.equal(sequence.at(-1), 6)
  t.equal((await ask())[0]!.ids.length, 2, 'no text at all is allowed here')
  await pointer.dispose()
})
