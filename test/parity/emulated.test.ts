import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Row } from './runner/report.js'

/** The package's root: this file runs from dist/test/parity. */
const root = fileURLToPath(new URL('../../..', import.meta.url))
interface Parsed {
  set: string
  rows: Row[]
  skipped: { name: string }[]
}

const emulation = path.join(root, 'build/emulation')

/** Runs sets on the emulated device and gives back what they print, one object per set. */
function parity(t: Test, names: readonly string[], ...options: string[]): Parsed[] {
  const main = path.join(root, 'dist/test/parity/main.js')
  const sets = names.map(name => path.join(root, 'test/fixtures', name))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [main, '--device', 'cuda', '--json', '--threads', '1', ...options, ...sets],
    { encoding: 'utf8', env: { ...process.env, VIDEOMOLMO_PREBUILD: emulation } },
  )
  t.equal(status, 0, stdout + stderr)
  t.match(stdout, /parity: passed/)
  const lines = stdout.split('\n').filter(line => line.startsWith('{'))
  return lines.map(line => JSON.parse(line) as Parsed)
}

t.test('in bf16 stages keep to their bounds, and the bounds say something', t => {
  const sets = parity(t, ['golden/molmo-tiny', 'segmenter-embedded'], '--dtype', 'bf16')
  const shares = (set: Parsed, pattern: RegExp) =>
    set.rows.filter(row => pattern.test(row.name)).map(row => row.error / row.tolerance)
  const hidden = shares(sets[0]!, /llm\.hidden/)
  t.ok(hidden.length >= 6 && Math.min(...hidden) > 0.1, `hidden states use ${hidden} of the bounds`)
  t.ok(
    sets[0]!.skipped.some(({ name }) => name.endsWith('gen.ids')),
    'tokens are not compared',
  )
  const masks = shares(sets[1]!, /low_res$/)
  t.ok(masks.length >= 4 && Math.min(...masks) > 0.05, `masks use ${masks} of the bounds`)
  t.end()
})

t.test('the smallest golden sets pass on the emulated CUDA device', t => {
  t.ok(
    existsSync(path.join(emulation, 'build/Release/videomolmo.node')),
    `${emulation} holds the addon: npm run build:tests makes it`,
  )
  const sets = parity(t, ['golden/molmo-tiny', 'golden/sam2-tiny-containers'])
  t.equal(sets[0]?.set, 'molmo-tiny')
  t.end()
})
