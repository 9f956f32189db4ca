import t from 'tap'
import type { AddonAnswer, AddonPointer } from '../../lib/engine/addon.js'
import { loadTiny, picture, promptIds, tinyAttributes } from './model.js'

const maxNewTokens = 12
const ids = (answer: AddonAnswer | undefined) => [...answer!.ids]
const other = Int32Array.from([5, 6, 7])

async function encoded(pointer: AddonPointer, frames: number, options = {}) {
  const stream = pointer.openStream({ capacity: 12, ...options })
  for (let i = 0; i < frames; i++) await stream.encode(i, picture(i))
  return stream
}

t.test('several questions on one frame compute its image once, also across calls', async t => {
  const pointer = await loadTiny()
  const stream = await encoded(pointer, 4)
  const ask = async (frameIndex: number, promptIds: Int32Array, contextFrames = 4) =>
    (await stream.answer([{ frameIndex, promptIds }], { maxNewTokens, contextFrames }))[0]!
  const fresh = async (frameIndex: number, promptIds: Int32Array) => {
    const alone = await encoded(pointer, 4)
    const [answer] = await alone.answer([{ frameIndex, promptIds }], { maxNewTokens })
    t.equal(answer!.stats.reusedRows, 0, 'another stream, another image')
    return answer
  }
  const first = await ask(3, promptIds)
  t.equal(first.stats.reusedRows, 0)
  t.ok(first.times.temporal! > 0, 'the vision work')
  const second = await ask(3, other)
  t.equal(second.stats.reusedRows, second.stats.promptRows - other.length)
  t.equal(second.times.temporal, undefined, 'no vision work')
  t.same(ids(second), ids(await fresh(3, other)))
  t.equal((await ask(2, other)).stats.reusedRows, 0, 'another frame')
  t.equal((await ask(2, other, 1)).stats.reusedRows, 0, 'other predecessors')
  await stream.encode(4, picture(4))
  t.ok((await ask(2, promptIds, 1)).stats.reusedRows > 0, 'a new frame disturbs nothing')
  await pointer.dispose()
})

t.test('a frame whose pixels or predecessors are new is computed anew', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream({ capacity: 2 })
  await stream.encode(1, picture(1))
  const request = [{ frameIndex: 1, promptIds }]
  const ask = async () => (await stream.answer(request, { maxNewTokens }))[0]!
  const alone = await ask()
  t.ok((await ask()).stats.reusedRows > 0)
  await stream.encode(0, picture(0))
  const both = await ask()
  t.equal(both.stats.reusedRows, 0, 'a predecessor has come')
  await stream.encode(7, picture(7))
  await stream.encode(8, picture(8))
  t.equal(stream.has(1), false)
  const left = await ask()
  t.same(ids(left), ids(both), 'the frame has left the ring, its image is kept')
  await stream.encode(1, picture(50))
  const changed = await ask()
  t.equal(changed.stats.reusedRows, 0, 'other pixels')
  t.notSame([ids(alone), ids(both)], [ids(changed), ids(changed)])
  await pointer.dispose()
})

t.test('prepared frames need no place in the ring', async t => {
  const pointer = await loadTiny()
  const stream = pointer.openStream({ capacity: 5, images: 3 })
  const expected = await encoded(pointer, 12)
  const frames = [4, 7, 11]
  for (let i = 0; i < 12; i++) {
    await stream.encode(i, picture(i))
    if (frames.includes(i)) await stream.prepare(i)
  }
  t.same(frames.map(stream.has.bind(stream)), [false, true, true])
  const requests = frames.map(frameIndex => ({ frameIndex, promptIds }))
  const found = await stream.answer(requests, { maxNewTokens })
  for (const [i, request] of requests.entries()) {
    const [alone] = await expected.answer([request], { maxNewTokens })
    t.same(ids(found[i]), ids(alone), `frame ${request.frameIndex}`)
    t.equal(found[i]!.times.temporal, undefined)
  }
  const bad = { code: 'INVALID_ARGUMENT' }
  await t.rejects(stream.prepare(2), bad, 'a frame that has left')
  await t.rejects(stream.prepare(11, { contextFrames: 5 }), bad)
  await stream.prepare(10)
  await t.rejects(stream.answer(requests, { maxNewTokens }), bad, 'one image too many')
  t.throws(() => pointer.openStream({ images: 0 }), bad)
  await pointer.dispose()
})

t.test('frames encoded as a batch have the features of frames encoded one by one', async t => {
  for (const [width, height] of [
    [120, 90],
    [40, 50],
  ] as const) {
    const pointer = await loadTiny()
    const single = pointer.openStream({ capacity: 6 })
    const batch = pointer.openStream({ capacity: 6 })
    const frames = Array.from({ length: 5 }, (_, i) => ({
      frameIndex: i,
      image: picture(i, width, height),
    }))
    for (const { frameIndex, image } of frames) await single.encode(frameIndex, image)
    await batch.encode(1, frames[1]!.image)
    const { times } = await batch.encodeBatch([...frames, frames[0]!])
    t.ok(times.vit! > 0)
    t.same((await batch.encodeBatch(frames)).times, {}, 'all of them are there')
    const logits = async (stream: typeof single) => {
      const options = { maxNewTokens: 1, trace: true }
      const [answer] = await stream.answer([{ frameIndex: 4, promptIds }], options)
      return [...(answer!.tensors!['llm.logits.last']!.data as Float32Array)]
    }
    t.same(await logits(batch), await logits(single), `${width}x${height}, bit for bit`)
    const bad = { code: 'INVALID_ARGUMENT' }
    const many = Array.from({ length: 7 }, (_, i) => ({ frameIndex: 20 + i, image: picture(i) }))
    await t.rejects(batch.encodeBatch(many), { ...bad, message: /7 frames .* ring of 6/ })
    await t.rejects(batch.encodeBatch([{ frameIndex: 9, image: picture(1, 33, 44) }]), bad)
    await pointer.dispose()
  }
})

t.test('drafts change the steps, not the answer', async t => {
  const pointer = await loadTiny()
  const stream = await encoded(pointer, 2)
  const ask = async (draft?: Int32Array) => {
    const request = { frameIndex: 1, promptIds, ...(draft ? { draft } : {}) }
    return (await stream.answer([request], { maxNewTokens: 30 }))[0]!
  }
  const plain = await ask()
  t.same(
    [plain.stats.steps, plain.stats.drafted, plain.stats.accepted],
    [29, 0, 0],
    'one id a step',
  )
  const right = await ask(plain.ids)
  t.same(ids(right), ids(plain))
  t.equal(right.stats.steps, 4)
  t.equal(right.stats.accepted, 25)
  for (const draft of [
    [],
    [-1, 1 << 30],
    [320, 447],
    [1, 2, 3],
    [...plain.ids.slice(3)],
    [...plain.ids, 9, 9],
  ]) {
    const answer = await ask(Int32Array.from(draft))
    t.same(ids(answer), ids(plain), `draft ${draft.slice(0, 3)}`)
    t.ok(answer.stats.steps <= 29)
  }
  await pointer.dispose()
})

t.test('a prompt without text may be repeated', async t => {
  const pointer = await loadTiny({ ...tinyAttributes() })
  const stream = await encoded(pointer, 1)
  const request = { frameIndex: 0, promptIds: new Int32Array(0) }
  const [a, b] = await stream.answer([request, request], { maxNewTokens })
  t.same(ids(a), ids(b))
  const [c] = await stream.answer([request], { maxNewTokens })
  t.same(ids(c), ids(a))
  await pointer.dispose()
})
