import t from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { VideoMolmo } from '../../lib/ground/videomolmo.js'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { memoryByDtype } from '../../lib/hub/memory.js'
import { DTYPES, type Dtype, EMBEDDED } from '../../lib/load/settings.js'
import { Pointer } from '../../lib/point/pointer.js'
import { Segmenter } from '../../lib/segment/segmenter.js'
import { relativeL2 } from '../parity/runner/report.js'
import { goldenCheckpoint } from '../support/golden-weights.js'
import { picture, promptIds } from './model.js'

const tiny = goldenCheckpoint('videomolmo-tiny')
const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })

async function load(path: string, dtype: Dtype, groupSize?: number) {
  const { family, attributes, weights } = await readCheckpoint(path)
  const options = {
    family,
    attributes,
    weights: { path: weights },
    dtype,
    threads: 1,
  }
  return addon().loadPointer(groupSize === undefined ? options : { ...options, groupSize })
}

async function lastLogits(dtype: Dtype, groupSize?: number): Promise<Float32Array> {
  const pointer = await load(tiny, dtype, groupSize)
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const request = [{ frameIndex: 0, promptIds }]
  const [answer] = await stream.answer(request, { maxNewTokens: 1, trace: true })
  await pointer.dispose()
  return answer!.tensors!['llm.logits.last']!.data as Float32Array
}

t.test('fewer bits, larger errors, never none', async t => {
  const exact = await lastLogits('fp32')
  const error = async (dtype: Dtype, groupSize?: number) =>
    relativeL2(await lastLogits(dtype, groupSize), exact)
  const int8 = await error('int8')
  const int4 = await error('int4')
  const fp4 = await error('fp4')
  t.ok(int8 > 1e-4 && int8 < 0.03, `int8 ${int8}`)
  t.ok(int4 > 2 * int8 && int4 < 0.4, `int4 ${int4}`)
  t.ok(fp4 > 2 * int8 && fp4 < 0.6, `fp4 ${fp4}`)
  t.not(await error('int4', 128), int4, 'the group matters')
})

t.test('inspect knows what the engine takes', async t => {
  for (const path of [tiny, EMBEDDED.pointer]) {
    const bytes = memoryByDtype(await readCheckpoint(path), 'cpu')
    t.same(Object.keys(bytes), DTYPES)
    for (const dtype of DTYPES) {
      const pointer = await load(path, dtype)
      t.equal(pointer.info().weightBytes, bytes[dtype], `${dtype} of ${path}`)
      await pointer.dispose()
    }
  }
  const segmenter = memoryByDtype(await readCheckpoint(EMBEDDED.segmenter), 'cpu')
  t.same(Object.keys(segmenter), ['stored', 'fp32', 'bf16'])
})

t.test('options that do not go together', async t => {
  const embedded = (options: object) => Pointer.load(EMBEDDED.pointer, options)
  await t.rejects(
    embedded({ dtype: 'int3' }),
    invalid(/stored, fp32, bf16, int8, int4, fp4, got int3/),
  )
  await t.rejects(embedded({ dtype: 'int4', groupSize: 96 }), invalid(/64 or 128, got 96/))
  await t.rejects(
    embedded({ dtype: 'int8', groupSize: 128 }),
    invalid(/goes with dtype int4.*int8/),
  )
  await t.rejects(load(tiny, 'int4', 32), invalid(/64 or 128 weights; got 32/))
  const dtype = 'int8' as 'fp32'
  await t.rejects(Segmenter.load(EMBEDDED.segmenter, { dtype }), invalid(/stored, fp32, bf16, got/))
})

t.test('a quantised pointer beside a segmenter as stored', async t => {
  await using vm = await VideoMolmo.load({ dtype: 'int4', groupSize: 128 })
  await using stored = await VideoMolmo.load()
  t.ok(vm.pointer.info.weightBytes < stored.pointer.info.weightBytes)
  t.equal(vm.segmenter.info.weightBytes, stored.segmenter.info.weightBytes)
})
