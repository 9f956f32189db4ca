import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { fixtureUrl } from '../support/fixtures.js'
import { generatedCheckpoint } from '../support/golden-weights.js'
import { rawSafetensors } from '../support/safetensors.js'
import { GoldenSet } from './runner/golden.js'
import { pack, readPacked, sampledLike } from './runner/packed.js'
import { Report, relativeL2 } from './runner/report.js'
import { runGoldenSet } from './runner/run.js'

const folder = (name: string) => fileURLToPath(fixtureUrl(`golden/${name}`))

t.test('relative L2 is |a - b| / |b|', t => {
  t.equal(relativeL2([3, 4], [3, 4]), 0)
  t.equal(relativeL2([0, 5], [0, 4]), 0.25)
  t.equal(relativeL2([0, 2], [0, 0]), 2, 'absolute where the expected values are all zero')
  t.end()
})

t.test('the longest matching key gives the tolerance, with and without the case', t => {
  const set = new GoldenSet(folder('videomolmo-tiny'))
  t.equal(set.tolerance('c0.llm.embed', 'c0'), 3e-5)
  t.equal(set.tolerance('c0.llm.embed_text', 'c0'), 0)
  t.equal(set.tolerance('c0.llm.hidden.2', 'c0'), 5e-5)
  t.equal(set.tolerance('unheard.of'), 1e-4, 'the default')
  t.end()
})

t.test('a wrong value, a missing tensor and a NaN fail', t => {
  const set = new GoldenSet(folder('fusion'))
  const report = new Report(set, 'test')
  report.values('equal', [1, 2], [1, 2], 0)
  report.values('close', [1, 2.00001], [1, 2], 1e-4)
  t.same(report.failed, [])
  report.values('different', [1, 3], [1, 2], 0)
  report.values('far', [1, 3], [1, 2], 1e-4)
  report.values('not a number', [1, Number.NaN], [1, 2], 1e-4)
  report.values('short', [1], [1, 2], 0)
  report.tensor('g0.union', undefined)
  t.same(
    report.failed.map(row => row.name),
    ['different', 'far', 'not a number', 'short', 'g0.union'],
  )
  report.finish()
  t.ok(
    report.failed.some(row => row.name === 'g1.union' && row.note === 'not compared'),
    'no expected tensor may be forgotten',
  )
  t.end()
})

t.test('a set whose expected values are changed does not pass', async t => {
  const copy = path.join(t.testdir({}), 'changed')
  cpSync(folder('molmo-tiny'), copy, { recursive: true })
  const file = path.join(copy, 'expected.safetensors.gz')
  const bytes = gunzipSync(readFileSync(file))
  const header = Number(bytes.readBigUInt64LE(0))
  const entry = JSON.parse(bytes.subarray(8, 8 + header).toString())['c0.proj.out']
  const at = 8 + header + entry.data_offsets[0]
  bytes.writeFloatLE(bytes.readFloatLE(at) + 1, at)
  writeFileSync(file, gzipSync(bytes))
  const report = await runGoldenSet(copy)
  t.same(
    report.failed.map(row => row.name),
    ['c0.proj.out'],
  )
})

t.test('a folder that is no golden set, or one of an unknown kind, is refused', async t => {
  await t.rejects(runGoldenSet(t.testdir({})), { message: /no meta\.json/ })
  const unknown = t.testdir({ 'meta.json': '{"name": "x"}', 'config.json': '{"model_type": "y"}' })
  await t.rejects(runGoldenSet(unknown), { message: /no runner.*model_type y/ })
})

t.test('a packed set keeps whole shapes, small tensors, and a sample of large ones', t => {
  const large = Float32Array.from({ length: 4000 }, (_, i) => i)
  const small = Uint8Array.from({ length: 4000 }, (_, i) => i % 7)
  const header = {
    large: { dtype: 'F32', shape: [2, 2000], data_offsets: [0, 16_000] },
    small: { dtype: 'U8', shape: [4000], data_offsets: [16_000, 20_000] },
  }
  const whole = rawSafetensors(JSON.stringify(header), 20_000)
  Buffer.from(large.buffer).copy(whole, whole.length - 20_000)
  whole.set(small, whole.length - 4000)
  const file = path.join(t.testdir({}), 'expected.safetensors.gz')
  writeFileSync(file, pack(whole, true))
  const tensors = readPacked(file)
  t.same(tensors.small!.data, small)
  t.same(tensors.large!.shape, [2, 2000])
  const kept = tensors.large!.data as Float32Array
  t.equal(kept.length, 1024)
  t.same(sampledLike(tensors.large!, large), [...kept])
  t.ok(kept[0]! < 4 && kept.at(-1)! > 3995 && new Set(kept).size === 1024, 'all over the tensor')
  t.equal(new Set(kept.map(place => place % 16)).size, 16, 'at no regular step')
  writeFileSync(file, pack(whole, false))
  t.equal(readPacked(file).large!.data.length, 4000)
  t.end()
})

t.test('generated weights are those of the hash, or an error', t => {
  const copy = path.join(t.testdir({}), 'changed')
  cpSync(folder('molmo-tiny'), copy, { recursive: true })
  const file = path.join(copy, 'weights.json')
  const weights = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...weights, seedXor: 1, sha256: 'other' }))
  t.throws(() => generatedCheckpoint(copy), { message: /have the hash \w{64}, expected other/ })
  t.end()
})
