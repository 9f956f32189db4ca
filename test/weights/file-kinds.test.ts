import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { writeSafetensors } from '../support/safetensors.js'
import { writeTorch } from '../support/torch.js'

const invalid = (message: RegExp) => ({ code: 'CHECKPOINT_INVALID', message })

function open(t: Test, content: string | Buffer) {
  const file = join(t.testdir({}), 'model.safetensors')
  writeFileSync(file, content)
  return addon().listTensors(file)
}

t.test('what lies where weights should lie is called what it is', t => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 9\n`
  for (const [content, message] of [
    ['', /is empty/],
    [pointer, /is a Git LFS pointer, not the file itself.*git lfs pull/],
    ['<!DOCTYPE html><html><body>Log in</body></html>', /is a web page \(HTML\)/],
    ['\ufeff\n <HTML lang="en">', /is a web page/],
    ['<?xml version="1.0"?>\n<html xmlns="x">', /is a web page/],
    [Buffer.from([0x80, 2, 0x8a, 10, 0x6c]), /is a pickle without the ZIP archive/],
    [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]), /is a gzip archive/],
    ['GGUF\x03\0\0\0', /is a GGUF file/],
    [Buffer.alloc(4096), /nothing but zeros: its download has not finished/],
    ['{"error": "Invalid credentials"}', /is a JSON text/],
    ['PK\x03\x04', /its download was cut off/],
  ] as const) {
    t.throws(() => open(t, content), invalid(message), String(message))
  }
  t.end()
})

t.test('a ZIP archive of something else', async t => {
  const file = join(t.testdir({}), 'model.safetensors')
  await writeTorch(file, {})
  const renamed = readFileSync(file).toString('latin1').replaceAll('data.pkl', 'data.txt')
  writeFileSync(file, renamed, 'latin1')
  t.throws(() => addon().listTensors(file), invalid(/none of torch\.save: it has no data\.pkl/))
})

t.test('a name says nothing about the content', async t => {
  const folder = t.testdir({})
  const data = Buffer.alloc(4)
  const tensor = { a: { dtype: 'F32', shape: [1], data } }
  await writeTorch(join(folder, 'model.safetensors'), tensor)
  writeSafetensors(join(folder, 'model.bin'), { b: [2] })
  t.equal(addon().listTensors(join(folder, 'model.safetensors'))[0]!.name, 'a')
  t.equal(addon().listTensors(join(folder, 'model.bin'))[0]!.name, 'b')
})

t.test('what a folder holds', async t => {
  const folder = t.testdir({})
  const names = () =>
    addon()
      .listTensors(folder)
      .map(({ name }) => name)
  const missing = (message: RegExp) => ({ code: 'MODEL_NOT_FOUND', message })
  const one = (name: string) => ({ [name]: { dtype: 'F32', shape: [1], data: Buffer.alloc(4) } })
  t.throws(names, missing(/holds none of them/))
  writeFileSync(join(folder, 'model.safetensors.part'), '')
  t.throws(names, missing(/model\.safetensors\.part is still being downloaded/))
  await writeTorch(join(folder, 'sam.pt'), one('pt'))
  t.same(names(), ['pt'])
  await writeTorch(join(folder, 'other.pt'), one('pt'))
  t.throws(names, invalid(/holds 2 \.pt files/))
  await writeTorch(join(folder, 'pytorch_model-00001-of-00001.bin'), one('shard'))
  const weight_map = { shard: 'pytorch_model-00001-of-00001.bin' }
  writeFileSync(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map }))
  t.same(names(), ['shard'])
  writeSafetensors(join(folder, 'model.safetensors'), { safe: [1] })
  t.same(names(), ['safe'])
})

t.test('an index decides between two copies, and names what can be looked for', t => {
  const folder = t.testdir({})
  const path = (name: string) => join(folder, name)
  const index = (weight_map: Record<string, string>) =>
    writeFileSync(path('model.safetensors.index.json'), JSON.stringify({ weight_map }))
  writeSafetensors(path('one.safetensors'), { a: [1], b: [2] })
  writeSafetensors(path('two.safetensors'), { a: [3], c: [4] })
  index({ a: 'two.safetensors', b: 'one.safetensors', c: 'two.safetensors' })
  const found = addon().listTensors(folder)
  t.same(
    found.map(({ name, shape, file }) => [name, shape[0], file]),
    [
      ['b', 2, path('one.safetensors')],
      ['a', 3, path('two.safetensors')],
      ['c', 4, path('two.safetensors')],
    ],
  )
  t.equal(addon().readTensors(folder, ['a']).a!.data.length, 3)
  index({ a: `${'x'.repeat(300)}.safetensors` })
  t.throws(() => addon().listTensors(folder), invalid(/x\.safetensors.*is missing/))
  t.end()
})

t.test('where files lie', { skip: !existsSync('/proc/self/status') }, t => {
  t.equal(addon().isRemoteFile(t.testdir({})), false)
  t.equal(addon().isRemoteFile('/there/is/nothing'), false)
  t.end()
})
