import { truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { rawSafetensors, writeSafetensors } from '../support/safetensors.js'

const invalid = (message: RegExp) => ({ code: 'CHECKPOINT_INVALID', message })
const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

/** Opens a file with this header and this much data. */
function open(t: Test, header: string | object, dataBytes: number, length?: bigint) {
  const file = path.join(t.testdir({}), 'model.safetensors')
  const text = typeof header === 'string' ? header : JSON.stringify(header)
  writeFileSync(file, rawSafetensors(text, dataBytes, length))
  return addon().listTensors(file)
}

t.test('a good file, with metadata, an empty tensor and a scalar', t => {
  const header = {
    __metadata__: { format: 'pt' },
    b: entry('BF16', [2, 3], 4, 16),
    a: entry('F32', [], 0, 4),
    empty: entry('I64', [0, 5], 16, 16),
  }
  t.same(
    open(t, header, 16).map(({ name, dtype, shape }) => [name, dtype, shape]),
    [
      ['b', 'BF16', [2, 3]],
      ['a', 'F32', []],
      ['empty', 'I64', [0, 5]],
    ],
  )
  t.end()
})

t.test('broken beginnings', t => {
  const file = path.join(t.testdir({ short: 'abc' }), 'short')
  t.throws(() => addon().listTensors(file), invalid(/8 bytes, but has only 3/))
  t.throws(() => open(t, '{}', 0, 1n << 62n), invalid(/header would be 4611686018427387904 bytes/))
  t.throws(() => open(t, '{}', 0, 100n), invalid(/truncated: its header must have 100 bytes/))
  t.end()
})

t.test('headers that are no JSON object', t => {
  for (const header of [
    '',
    '[1]',
    '{',
    '{"a"}',
    '{"a":{}} x',
    '{"a":01}',
    '{"a":"\\x"}',
    '"\\ud800"',
  ]) {
    t.throws(() => open(t, header, 0), { code: 'CHECKPOINT_INVALID' }, header)
  }
  t.throws(() => open(t, '['.repeat(100_000), 0), invalid(/nested too deeply/))
  const twice = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}'
  t.throws(() => open(t, twice, 4), invalid(/"a" occurs twice/))
  t.end()
})

t.test('entries that do not fit', t => {
  t.throws(() => open(t, { a: 1 }, 0), invalid(/tensor a is not described by an object/))
  t.throws(() => open(t, { a: entry('F7', [1], 0, 4) }, 4), invalid(/dtype "F7"/))
  t.throws(() => open(t, { a: entry('F32', [-1], 0, 4) }, 4), invalid(/no count/))
  t.throws(() => open(t, { a: entry('F32', [1.5], 0, 4) }, 4), invalid(/no count/))
  t.throws(() => open(t, { a: entry('F32', [3], 0, 8) }, 8), invalid(/must have 12 bytes.*span 8/))
  t.throws(() => open(t, { a: entry('F32', [1], 8, 4) }, 8), invalid(/before it begins/))
  t.throws(() => open(t, { a: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }, 4), invalid(/overflows/))
  t.throws(() => open(t, { a: { dtype: 'F32', shape: [1] } }, 4), invalid(/data_offsets/))
  t.throws(() => open(t, { a: entry('F32', [1, 1, 1, 1, 1, 1, 1], 0, 4) }, 4), invalid(/7 extents/))
  t.end()
})

t.test('ranges that overlap, leave holes or go beyond the file', t => {
  const a = entry('F32', [2], 0, 8)
  t.throws(() => open(t, { a, b: entry('F32', [2], 4, 12) }, 12), invalid(/inside another tensor/))
  t.throws(() => open(t, { a, b: entry('F32', [1], 12, 16) }, 16), invalid(/belong to no tensor/))
  t.throws(() => open(t, { a }, 4), invalid(/truncated: the tensor a must end at byte 8/))
  t.throws(() => open(t, { a }, 9), invalid(/1 bytes after its last tensor/))
  t.end()
})

t.test('shards', t => {
  const folder = t.testdir({})
  const shard = (name: string) => path.join(folder, name)
  const index = (map: Record<string, unknown>) =>
    writeFileSync(shard('model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  writeSafetensors(shard('one.safetensors'), { a: [1], b: [2] })
  writeSafetensors(shard('two.safetensors'), { c: [3] })
  index({ a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' })
  const tensors = addon().listTensors(folder)
  t.same(
    tensors.map(({ name, file }) => [name, path.basename(file)]),
    [
      ['a', 'one.safetensors'],
      ['b', 'one.safetensors'],
      ['c', 'two.safetensors'],
    ],
  )
  t.equal(addon().readTensors(folder, ['b']).b!.data.length, 2)

  index({ a: 'one.safetensors', d: 'two.safetensors' })
  t.throws(() => addon().listTensors(folder), invalid(/must hold the tensor d by the index/))
  index({ a: 'three.safetensors' })
  t.throws(() => addon().listTensors(folder), invalid(/three\.safetensors.*is missing/))
  index({ a: '../one.safetensors' })
  t.throws(() => addon().listTensors(folder), invalid(/a file of its own folder/))
  index({})
  t.throws(() => addon().listTensors(folder), invalid(/weight_map/))

  writeSafetensors(shard('one.safetensors'), { a: [1], b: [2], d: [4] })
  writeSafetensors(shard('two.safetensors'), { c: [3], d: [4] })
  index({ a: 'one.safetensors', c: 'two.safetensors' })
  t.throws(() => addon().listTensors(folder), invalid(/tensor d lies in two shards/))
  truncateSync(shard('two.safetensors'), 20)
  t.throws(() => addon().listTensors(folder), invalid(/two\.safetensors is truncated/))
  t.end()
})

t.test('places without weights', t => {
  const folder = t.testdir({})
  const missing = (message: RegExp) => ({ code: 'MODEL_NOT_FOUND', message })
  t.throws(() => addon().listTensors(path.join(folder, 'no')), missing(/Cannot open/))
  t.throws(() => addon().listTensors(folder), missing(/holds none of them/))
  t.throws(() => addon().listTensors(''), missing(/Cannot open/))
  t.throws(() => addon().readTensors(1 as unknown as string), {
    code: 'INVALID_ARGUMENT',
    message: /path must be a string, but is the number 1/,
  })
  t.end()
})
