import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** The package's root: this file runs from dist/test/parity. */
const root = fileURLToPath(new URL('../../..', import.meta.url))
const emulation = path.join(root, 'build/emulation')

t.test('the smallest golden sets pass on the emulated CUDA device', t => {
  t.ok(
    existsSync(path.join(emulation, 'build/Release/videomolmo.node')),
    `${emulation} holds the addon: npm run build makes it`,
  )
  const sets = ['molmo-tiny', 'sam2-tiny-containers'].map(name =>
    path.join(root, 'test/fixtures/golden', name),
  )
  const main = path.join(root, 'dist/test/parity/main.js')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [main, '--device', 'cuda', '--json', '--threads', '1', ...sets],
    { encoding: 'utf8', env: { ...process.env, VIDEOMOLMO_PREBUILD: emulation } },
  )
  t.equal(status, 0, stdout + stderr)
  t.match(stdout, /"set":"molmo-tiny"/)
  t.match(stdout, /parity: passed/)
  t.end()
})
