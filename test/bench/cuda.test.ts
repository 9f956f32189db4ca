import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseLines, type TimeRow } from '../../bench/cuda/results.js'
import { addon } from '../../lib/engine/loader.js'

/** The package's root: this file runs from dist/test/bench. */
const root = fileURLToPath(new URL('../../..', import.meta.url))

function bench(...args: string[]) {
  const main = path.join(root, 'dist/bench/main.js')
  return spawnSync(process.execPath, [main, 'cuda', ...args], { encoding: 'utf8' })
}

/** Rows per piece, as the command says them. */
const rowsOf = (stdout: string) =>
  Object.fromEntries(
    [...stdout.matchAll(/^([\w-]+): (\d+) rows$/gm)].map(match => [match[1]!, Number(match[2])]),
  )

t.test('the pointer runs on the emulated device; drafts and batches change no answer', async t => {
  const { status, stdout, stderr } = bench(
    '--emulated',
    '--dtype',
    'bf16,int4',
    'pointer',
    'decode',
  )
  t.equal(status, 0, stdout + stderr)
  // Of a pointer: four checks, three stages, five totals.
  const expected = { 'pointer-bf16': 12, 'decode-bf16': 2, 'pointer-int4': 12, 'decode-int4': 2 }
  t.same(rowsOf(stdout), expected)
  t.equal([...stdout.matchAll(/^passed: .*the ids of one frame at a time/gm)].length, 8)
})

t.test('SAM 2, ground() and the memory of both models on the emulated device', async t => {
  const pieces = ['ground', 'memory', 'sam2']
  const { status, stdout, stderr } = bench('--emulated', '--dtype', 'bf16', ...pieces)
  t.equal(status, 0, stdout + stderr)
  // Of SAM 2: its encoder, two numbers of objects apart and together, a check.
  t.same(rowsOf(stdout), { 'ground-bf16': 1, 'memory-bf16': 1, sam2: 6 })
  t.match(stdout, /^passed: memory of both models over 8 frames is flat: \d+ MiB/m)
  t.match(stdout, /^passed: SAM 2.1 tiny, 2 objects: the first one is as alone: IoU/m)
})

const device = addon().cuda().devices.length > 0 && 'there is a device'
t.test('without a device nothing is measured', { skip: device }, async t => {
  const { status, stderr } = bench('sam2')
  t.equal(status, 3)
  t.match(stderr, /^No CUDA device: ./)
})

t.test('what the benchmark does not know is refused with what it knows', async t => {
  t.match(bench('vision'), { status: 2, stderr: /unknown: vision; there are kernels, window, / })
  t.match(bench('--dtype', 'fp8'), { status: 2, stderr: /unknown: fp8; there are bf16, / })
  t.match(bench('--rounds', '0'), { status: 2, stderr: /--rounds must be a number from 1, got 0/ })
})

t.test('a page of nothing measured yet', async t => {
  const { status, stdout } = bench('table', '--results', t.testdir({}))
  t.equal(status, 0)
  t.match(stdout, /memory of both models .* \| flat \| not measured \| open \|/)
})

const python = spawnSync('python3', ['-c', 'import torch, transformers.models.sam2_video'])
const skip = python.status !== 0 && 'python3 has no torch and transformers'
const PARTS = {
  pointer: [
    'vision, frames encoded again',
    'vision, features kept',
    'prefill',
    'decoding',
    'a step of 1 sequence',
    'total, frames encoded again',
    'total, features kept',
  ],
  sam2: ['SAM 2.1 tiny, image encoder', 'SAM 2.1 tiny, 1 object, eager'],
}
for (const [part, names] of Object.entries(PARTS)) {
  t.test(`PyTorch's side of ${part} runs once at small sizes`, { skip }, async t => {
    const script = path.join(root, 'bench/cuda/pytorch')
    const args = [script, part, '--check', '--models', 'tiny', '--objects', '1']
    const { status, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8' })
    t.equal(status, 0, stderr)
    const rows = parseLines(stdout) as TimeRow[]
    t.same(
      rows.map(row => row.name),
      names,
    )
    for (const row of rows) t.match(row, { kind: 'time', by: 'pytorch', dtype: 'bf16', rounds: 1 })
  })
}
