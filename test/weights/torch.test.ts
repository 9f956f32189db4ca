import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { AddonTensors } from '../../lib/engine/addon.js'
import { addon } from '../../lib/engine/loader.js'
import { EMBEDDED, Segmenter } from '../../lib/index.js'
import { fixtureUrl } from '../support/fixtures.js'
import { squareFrame } from '../support/segmenter.js'
import { type TorchFileOptions, type TorchTensor, writeTorch } from '../support/torch.js'

const invalid = (message: RegExp) => ({ code: 'CHECKPOINT_INVALID', message })
const floats = (...values: number[]): TorchTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: Buffer.from(Float32Array.from(values).buffer),
})

async function open(t: Test, tensors: Record<string, TorchTensor>, options?: TorchFileOptions) {
  const path = join(t.testdir({}), 'model.pt')
  await writeTorch(path, tensors, options)
  return addon().readTensors(path)
}

t.test('the dictionary of a file, or the one under a key', async t => {
  const tensors = { a: floats(1, 2, 3), b: floats() }
  for (const options of [{}, { key: 'model' }, { key: 'state_dict' }, { zip64: true }]) {
    const read = await open(t, tensors, options)
    t.same([...read.a!.data], [1, 2, 3], JSON.stringify(options))
    t.same(read.b!.shape, [0])
  }
  await t.rejects(open(t, tensors, { key: 'optimizer' }), invalid(/holds no tensors/))
})

t.test('every type of storage', async t => {
  const bytes = (data: NodeJS.ArrayBufferView) => Buffer.from(data.buffer)
  const read = await open(t, {
    double: { dtype: 'F64', shape: [2], data: bytes(Float64Array.of(0.5, -3)) },
    short: { dtype: 'I16', shape: [2], data: bytes(Int16Array.of(-7, 9)) },
    int: { dtype: 'I32', shape: [], data: bytes(Int32Array.of(70_000)) },
    char: { dtype: 'I8', shape: [1, 2], data: bytes(Int8Array.of(-1, 1)) },
    half: { dtype: 'F16', shape: [1], data: bytes(Uint16Array.of(0x3c00)) },
  })
  // The addon gives JavaScript no smaller types.
  const seen = Object.entries(read).map(([name, { dtype, data }]) => [name, dtype, ...data])
  t.same(seen, [
    ['char', 'I32', -1, 1],
    ['double', 'F32', 0.5, -3],
    ['half', 'F32', 1],
    ['int', 'I32', 70_000],
    ['short', 'I32', -7, 9],
  ])
})

t.test('archives that are none of torch.save', async t => {
  const tensors = { a: floats(1, 2, 3) }
  await t.rejects(open(t, tensors, { compress: true }), invalid(/is compressed/))
  await t.rejects(open(t, tensors, { byteOrder: 'big' }), invalid(/byte order "big"/))
  t.ok(await open(t, tensors, { byteOrder: 'little' }))
  const path = join(t.testdir({}), 'model.pt')
  await writeTorch(path, tensors)
  const whole = readFileSync(path)
  // Every byte changed, one after the other: a typed error or tensors, never more.
  for (let i = 0; i < whole.length; i++) {
    const changed = Buffer.from(whole)
    changed[i]! ^= 0xff
    writeFileSync(path, changed)
    try {
      addon().readTensors(path)
    } catch (error) {
      t.equal((error as { code?: string }).code, 'CHECKPOINT_INVALID', `byte ${i}`)
    }
  }
  for (const length of [1, 40, 200, whole.length - 1]) {
    writeFileSync(path, whole)
    truncateSync(path, length)
    t.throws(() => addon().listTensors(path), { code: 'CHECKPOINT_INVALID' }, `${length} bytes`)
  }
})

t.test('pickles that ask for more than tensors', async t => {
  const pickled = (pickle: string | Buffer) =>
    open(t, { a: floats(1) }, { pickle: Buffer.from(pickle as string, 'latin1') })
  await t.rejects(pickled('cos\nsystem\n(X\x02\0\0\0idtR.'), invalid(/asks for "os system"/))
  await t.rejects(pickled('i__main__\nA\n.'), invalid(/opcode 105/))
  await t.rejects(pickled('}h\x05s.'), invalid(/value 5, which it never kept/))
  await t.rejects(pickled(']].'), invalid(/no dictionary/))
  await t.rejects(pickled('}NNt.'), invalid(/did not begin/))
  await t.rejects(pickled('}'), invalid(/cut off/))
  await t.rejects(pickled('X\xff\xff\xff\x7fa.'), invalid(/cut off/))
  await t.rejects(pickled(`${'('.repeat(400_000)}.`), invalid(/takes more from its stack/))
  await t.rejects(
    pickled(
      `${'](' /* a list in a list */
        .repeat(200_000)}.`,
    ),
    { code: 'CHECKPOINT_INVALID' },
  )
  await t.rejects(pickled(']'.repeat(2_000_001)), invalid(/more than 2000000 values/))
})

t.test('one element said to be many', async t => {
  const huge = { dtype: 'F32', shape: [1 << 20, 1 << 10, 1], data: Buffer.alloc(4) }
  await t.rejects(open(t, { huge }), invalid(/reaches to element/))
  // The golden set's expanded tensor is fine; one of 2^40 elements with strides 0 is not.
  const path = join(t.testdir({}), 'model.pt')
  await writeTorch(path, { a: { dtype: 'U8', shape: [1], data: Buffer.alloc(1) } })
  const bytes = readFileSync(path)
  const one = Buffer.from([0x8a, 8, 1, 0, 0, 0, 0, 0, 0, 0])
  const count = bytes.indexOf(one) // the storage's
  const size = bytes.indexOf(one, count + 1)
  const stride = bytes.indexOf(one, size + 1)
  bytes.writeBigInt64LE(1n << 40n, size + 2)
  bytes.writeBigInt64LE(0n, stride + 2)
  writeFileSync(path, bytes)
  t.throws(() => addon().listTensors(path), invalid(/more than four times/))
})

t.test('what the golden set wants refused', t => {
  const folder = fileURLToPath(fixtureUrl('golden/sam2-tiny-containers/reject'))
  const files = readdirSync(folder)
  t.ok(files.length >= 13)
  for (const file of files) {
    t.throws(() => addon().listTensors(join(folder, file)), { code: 'CHECKPOINT_INVALID' }, file)
  }
  t.end()
})

t.test('a segmenter from a .pt file is the one from safetensors', async t => {
  const source: AddonTensors = addon().readTensors(EMBEDDED.segmenter)
  const folder = t.testdir({ 'config.json': readFileSync(join(EMBEDDED.segmenter, 'config.json')) })
  const tensors = Object.fromEntries(
    Object.entries(source).map(([name, { dtype, shape, data }]) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      return [name, { dtype, shape, data: bytes }]
    }),
  )
  await writeTorch(join(folder, 'sam.pt'), tensors, { key: 'model' })
  const prompt = { points: [[20, 30]] as [number, number][] }
  const answer = async (path: string, options = {}) => {
    await using segmenter = await Segmenter.load(path, { threads: 1, ...options })
    const [result] = await segmenter.segment(squareFrame(10), prompt)
    return { ...result!, masks: result!.masks.map(mask => mask.data) }
  }
  const expected = await answer(EMBEDDED.segmenter)
  t.same(await answer(join(folder, 'sam.pt')), expected, 'the file')
  t.same(await answer(folder), expected, 'the folder that holds it alone')
  t.same(await answer(folder, { mmap: false }), expected, 'read instead of mapped')
})
