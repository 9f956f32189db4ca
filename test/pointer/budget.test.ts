import t from 'tap'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { memoryNeed, workMemory } from '../../lib/hub/memory.js'
import { EMBEDDED, Pointer, Segmenter, VideoMolmo } from '../../lib/index.js'
import { divideBudget, memoryBytes } from '../../lib/load/budget.js'

const invalid = { code: 'INVALID_ARGUMENT' }
const clip = new URL('../../../assets/demo/clip.mp4', import.meta.url)

t.test('sizes', async t => {
  t.equal(memoryBytes(12345), 12345)
  t.equal(memoryBytes('12345'), 12345)
  t.equal(memoryBytes('8GiB'), 8 * 2 ** 30)
  t.equal(memoryBytes(' 1.5 gb '), 1.5e9)
  t.equal(memoryBytes('512MiB'), 512 * 2 ** 20)
  for (const size of ['', '8 GiBs', '-1', 'GiB', '1e9', '0', 0, -5, Number.NaN, 1e300]) {
    t.throws(() => memoryBytes(size), invalid, JSON.stringify(size))
  }
  t.throws(() => memoryBytes(null as unknown as number), invalid)
})

t.test('a budget is divided by need', async t => {
  const pointer = { least: 100, best: 200 }
  const segmenter = { least: 30, best: 60 }
  t.same(divideBudget(1000, pointer, segmenter), { pointer: 940, segmenter: 60 })
  t.same(divideBudget(145, pointer, segmenter), { pointer: 100, segmenter: 45 })
  t.same(divideBudget(130, pointer, segmenter), { pointer: 100, segmenter: 30 })
  t.throws(() => divideBudget(129, pointer, segmenter), { code: 'OUT_OF_MEMORY' })
})

const stored = { dtype: 'stored', device: 'cpu' } as const
const tooLittle = { code: 'OUT_OF_MEMORY', message: /needs .* MiB .* budget is .* MiB/ }

t.test('a pointer keeps to what its checkpoint says', async t => {
  const checkpoint = await readCheckpoint(EMBEDDED.pointer)
  for (const dtype of ['stored', 'fp32', 'int4'] as const) {
    const { least, best } = memoryNeed(checkpoint, { dtype, device: 'cpu' })
    for (const memoryBudget of [best, least]) {
      await using pointer = await Pointer.load(EMBEDDED.pointer, { dtype, memoryBudget })
      const { weightBytes, workBytes } = pointer.info
      t.equal(weightBytes + workBytes, memoryBudget, dtype)
    }
    const load = () => Pointer.load(EMBEDDED.pointer, { dtype, memoryBudget: least - 1 })
    await t.rejects(load, tooLittle)
  }
  await t.rejects(() => Pointer.load(EMBEDDED.pointer, { memoryBudget: 'much' }), invalid)
  const few = workMemory(checkpoint, 'cpu', 0)
  t.equal(few.bytes, few.leastBytes)
})

t.test('a segmenter keeps to its budget', async t => {
  const checkpoint = await readCheckpoint(EMBEDDED.segmenter)
  const { least } = memoryNeed(checkpoint, stored)
  await using plenty = await Segmenter.load(EMBEDDED.segmenter)
  t.equal(plenty.info.workBytes, workMemory(checkpoint, 'cpu').bytes)
  await using narrow = await Segmenter.load(EMBEDDED.segmenter, { memoryBudget: least })
  t.equal(narrow.info.objects, 1)
  const load = () => Segmenter.load(EMBEDDED.segmenter, { memoryBudget: least - 1 })
  await t.rejects(load, tooLittle)
  await t.rejects(() => Segmenter.load(EMBEDDED.segmenter, { memoryBudget: 0 }), invalid)
})

t.test('a small budget changes no answer', async t => {
  const [points, masks] = await Promise.all(
    [EMBEDDED.pointer, EMBEDDED.segmenter].map(path => readCheckpoint(path)),
  )
  const least = memoryNeed(points!, stored).least + memoryNeed(masks!, stored).least
  await t.rejects(VideoMolmo.load({ memoryBudget: least - 1 }), { code: 'OUT_OF_MEMORY' })
  const answers = async (memoryBudget?: number) => {
    await using vm = await VideoMolmo.load(memoryBudget ? { memoryBudget } : {})
    const found = []
    for await (const { answer } of vm.point(clip, 'all cyan stars', { maxFrames: 6 })) {
      found.push(answer)
    }
    return { found, sequences: vm.pointer.info.sequences }
  }
  const all = await answers()
  const few = await answers(least)
  t.equal(all.sequences, 8)
  t.equal(few.sequences, 1)
  t.same(few.found, all.found)
})
