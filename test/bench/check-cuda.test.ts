import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** The package's root: this file runs from dist/test/bench. */
const root = fileURLToPath(new URL('../../..', import.meta.url))
const script = path.join(root, 'scripts/check-cuda.mjs')

function check(args: readonly string[], programs = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${programs}:/usr/bin:/bin` },
  })
  return { status, text: stdout + stderr }
}

/** A folder with programs of these names that print these lines. */
function programs(folder: string, outputs: Record<string, string>): string {
  for (const [name, output] of Object.entries(outputs)) {
    const file = path.join(folder, name)
    writeFileSync(file, `#!/bin/sh\necho '${output}'\n`)
    chmodSync(file, 0o755)
  }
  return folder
}

const smi = spawnSync('nvidia-smi').status === 0 && 'there is a device'

t.test('without a device the check says so', { skip: smi }, async t => {
  const { status, text } = check([])
  t.equal(status, 3)
  t.match(text, /^No CUDA device: /)
})

t.test('the steps: build for the chip, tests, golden sets, sanitizer, benchmark', async t => {
  const folder = programs(t.testdir(), { 'nvidia-smi': '8.6' })
  const { status, text } = check(['--list', '--sets', '/more', '--out', '/out'], folder)
  t.equal(status, 0)
  t.match(text, 'VIDEOMOLMO_CUDA_ARCHITECTURES=86-real npm run build:tests')
  t.match(text, /^ {2}build\/videomolmo_cuda_device_tests$/m)
  const parity = /^ {2}.*parity\/main\.js --quiet --device cuda (.*) \/more$/m.exec(text)
  const sets = parity![1]!.split(' ')
  t.ok(sets.length >= 12, 'pointers and segmenters')
  for (const set of sets) t.ok(existsSync(path.join(root, set)), set)
  t.match(text, / \/more --dtype bf16$/m)
  for (const tool of ['memcheck', 'racecheck']) {
    const line = `VIDEOMOLMO_CUDA_MEMORY=direct compute-sanitizer --tool ${tool} --error-exitcode 9`
    t.match(text, line)
  }
  for (const piece of ['kernels', 'pointer decode --dtype int4', 'sam2', 'ground --dtype bf16'])
    t.match(text, `bench/main.js cuda ${piece} --results /out/bench`)
  t.match(text, "pytorch-sam2 '--torch=--models large' --results /out/bench")
  t.match(text, 'cuda table --results /out/bench --save /out/bench.md')
  t.match(check(['--list'], programs(t.testdir(), { 'nvidia-smi': '9.0' })).text, '=90a-real ')
})

t.test('a failed step does not stop the others', async t => {
  const folder = t.testdir({ out: {} })
  const out = path.join(folder, 'out')
  programs(folder, { 'nvidia-smi': '8.0' })
  // The table of no figures passes anywhere; the sanitizer is not there.
  const steps = ['memcheck-sets', 'kernels', 'table']
  const { status, text } = check(['--out', out, ...steps], folder)
  t.equal(status, 1)
  t.match(text, /^skipped +memcheck-sets .*compute-sanitizer is not there$/m)
  t.match(text, /^FAILED +kernels .*code \d+, .*kernels\.log$/m)
  t.match(text, /^passed +table /m)
  t.match(text, /^not run +build /m)
  const verdicts = JSON.parse(readFileSync(path.join(out, 'verdicts.json'), 'utf8'))
  t.same(Object.keys(verdicts).sort(), [...steps].sort())
  t.match(readFileSync(path.join(out, 'bench.md'), 'utf8'), /## Goals/)
})

t.test('what passed before is not run again, unless it is asked for', async t => {
  const folder = t.testdir({ out: {} })
  const out = path.join(folder, 'out')
  programs(folder, { 'nvidia-smi': '8.0' })
  const names = [...check(['--list'], folder).text.matchAll(/^(\S+)$/gm)].map(match => match[1]!)
  const passed = names.filter(name => name !== 'table').map(name => [name, { verdict: 'passed' }])
  writeFileSync(path.join(out, 'verdicts.json'), JSON.stringify(Object.fromEntries(passed)))
  const ran = (text: string) => [...text.matchAll(/^== (\S+): /gm)].map(match => match[1])
  const first = check(['--out', out], folder)
  t.same(ran(first.text), ['table'])
  t.equal(first.status, 0)
  t.same(ran(check(['--out', out], folder).text), [])
  t.same(ran(check(['--out', out, 'table'], folder).text), ['table'])
})

t.test('unknown steps and options are refused', async t => {
  t.match(check(['nothing']), { status: 2, text: /unknown: nothing; the steps are build, / })
  t.match(check(['--nothing']), { status: 2, text: /usage: / })
})
