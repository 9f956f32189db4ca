import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { convertCheckpoint } from '../../lib/hub/convert.js'
import { EMBEDDED } from '../../lib/load/settings.js'
import { run } from '../support/cli.js'
import { writeTorch } from '../support/torch.js'

const embedded = join(EMBEDDED.segmenter, 'model.safetensors')
const floats = (...values: number[]) => ({
  dtype: 'F32',
  shape: [values.length],
  data: Buffer.from(Float32Array.from(values).buffer),
})

t.test('a checkpoint comes through unchanged, in one file or in shards', async t => {
  const folder = t.testdir({})
  const contents = (path: string) =>
    Object.entries(addon().readTensors(path)).map(([name, { dtype, shape, data }]) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      return `${name} ${dtype} ${shape} ${createHash('sha256').update(bytes).digest('hex')}`
    })
  const expected = contents(embedded)
  const whole = join(folder, 'whole')
  await convertCheckpoint(EMBEDDED.segmenter, whole)
  t.same(readdirSync(whole).sort(), readdirSync(EMBEDDED.segmenter).sort())
  t.same(contents(whole), expected)

  const sharded = join(folder, 'sharded')
  const written = await convertCheckpoint(EMBEDDED.segmenter, sharded, { shardSize: '512KiB' })
  const shards = written.filter(path => path.endsWith('.safetensors'))
  t.ok(shards.length > 2)
  t.match(shards[0], `model-00001-of-${String(shards.length).padStart(5, '0')}.safetensors`)
  t.notOk(existsSync(join(sharded, 'model.safetensors')))
  t.same(contents(sharded), expected)
  for (const shard of shards) {
    const alone = addon().listTensors(shard).length === 1
    t.ok(alone || statSync(shard).size < 512 * 1024 + 100_000)
  }
  t.notOk(readdirSync(sharded).some(name => name.endsWith('.incomplete')))
})

t.test('dtypes', async t => {
  const folder = t.testdir({})
  const half = {
    dtype: 'F16',
    shape: [2],
    data: Buffer.from(Uint16Array.of(0x3c00, 0x3555).buffer),
  }
  const count = { dtype: 'I64', shape: [], data: Buffer.from(BigInt64Array.of(7n).buffer) }
  await writeTorch(
    join(folder, 'in.pt'),
    { wide: floats(1 / 3, -2), half, count },
    { key: 'model' },
  )
  const convert = async (dtype: 'stored' | 'fp32' | 'bf16') => {
    const file = join(folder, `${dtype}.safetensors`)
    t.same(await convertCheckpoint(join(folder, 'in.pt'), file, { dtype }), [file])
    const rows = addon()
      .listTensors(file)
      .map(({ name, dtype }) => [name, dtype])
    return { types: Object.fromEntries(rows), values: addon().readTensors(file) }
  }
  const stored = await convert('stored')
  t.same(stored.types, { wide: 'F32', half: 'F16', count: 'I64' })
  t.same([...stored.values.wide!.data], [Math.fround(1 / 3), -2])
  const wide = await convert('fp32')
  t.same(wide.types, { wide: 'F32', half: 'F32', count: 'I64' })
  t.same(wide.values.half!.data[0], 1)
  const narrow = await convert('bf16')
  t.same(narrow.types, { wide: 'BF16', half: 'BF16', count: 'I64' })
  t.equal(narrow.values.wide!.data[0], 0.333984375, 'to the nearest, ties to even')
})

t.test('names that JSON has to escape', async t => {
  const folder = t.testdir({})
  const name = 'a "quoted" \\ name\n\u00e9'
  await writeTorch(join(folder, 'in.pt'), { [name]: floats(1) })
  await convertCheckpoint(join(folder, 'in.pt'), join(folder, 'out.safetensors'))
  t.same(Object.keys(addon().readTensors(join(folder, 'out.safetensors'))), [name])
})

t.test('what is refused', async t => {
  const folder = t.testdir({})
  const input = join(folder, 'in.pt')
  await writeTorch(input, { bad: floats(Number.NaN), good: floats(1) })
  const out = join(folder, 'out.safetensors')
  const refused = (code: string, message: RegExp) => ({ code, message })
  await t.rejects(
    convertCheckpoint(input, out, { dtype: 'bf16' }),
    refused('CHECKPOINT_INVALID', /tensor bad holds NaN/),
  )
  t.same(readdirSync(folder), ['in.pt'], 'half a file is taken away')
  await t.rejects(
    convertCheckpoint(input, out, { shardSize: 4 }),
    refused('INVALID_ARGUMENT', /one file, but the shards need a folder/),
  )
  await convertCheckpoint(input, out)
  await t.rejects(convertCheckpoint(out, out), refused('INVALID_ARGUMENT', /written over/))
  await t.rejects(convertCheckpoint(folder, folder), refused('INVALID_ARGUMENT', /written over/))
  await t.rejects(convertCheckpoint(join(folder, 'no'), out), { code: 'MODEL_NOT_FOUND' })
  await t.rejects(convertCheckpoint(input, out, { shardSize: 'big' }), {
    code: 'INVALID_ARGUMENT',
    message: /^shardSize/,
  })
  writeFileSync(join(folder, 'file'), '')
  await t.rejects(convertCheckpoint(input, join(folder, 'file')), { code: 'INVALID_ARGUMENT' })
  await t.rejects(convertCheckpoint(input, out, { signal: AbortSignal.abort() }), {
    code: 'ABORTED',
  })
})

t.test('the command', async t => {
  const out = join(t.testdir({}), 'out')
  const { code, stdout } = await run('convert', EMBEDDED.segmenter, out, '--dtype', 'bf16')
  t.equal(code, 0)
  t.match(stdout, /out\/model\.safetensors\n/)
  t.equal(addon().listTensors(out)[0]!.dtype, 'BF16')
  t.same(
    readFileSync(join(out, 'config.json')),
    readFileSync(join(EMBEDDED.segmenter, 'config.json')),
  )
  t.equal((await run('convert', out, out)).code, 2)
  t.equal((await run('download', 'no-id')).code, 2)
})
