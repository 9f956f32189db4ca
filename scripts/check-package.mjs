// Checks the package as a user gets it: prebuilds, npm pack, size, installation without scripts in an empty
// folder, then loading and running it there.
//   node scripts/check-package.mjs [--keep-prebuilds]
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// The registry refuses very large tarballs; ours is mostly the embedded models and one binary.
const MAX_TARBALL_BYTES = 48 * 2 ** 20
const WANTED = [
  'dist/lib/index.js',
  'dist/lib/index.d.ts',
  'lib/reports/paper.json',
  'CMakeLists.txt',
  'LICENSE',
]

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (command, args, options = {}) =>
  execFileSync(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    ...options,
  })

function fail(message) {
  console.error(`check:package: ${message}`)
  process.exit(1)
}

function pack(folder) {
  if (!process.argv.includes('--keep-prebuilds') || !existsSync(path.join(root, 'prebuilds'))) {
    run(process.execPath, [path.join(root, 'scripts', 'prebuilds.mjs')], { cwd: root })
  }
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root }),
  )
  const files = packed.files.map(file => file.path)
  for (const wanted of WANTED) {
    if (!files.includes(wanted)) fail(`the tarball has no ${wanted}`)
  }
  if (!files.some(file => /^prebuilds\/.+\.node$/.test(file))) fail('the tarball has no binary')
  const strange = files.filter(file => /(^|\/)(test|node_modules|build|training)\//.test(file))
  if (strange.length > 0) fail(`the tarball holds ${strange[0]} and ${strange.length - 1} more`)
  return path.join(folder, packed.filename)
}

const program = `
import { Mask, VideoMolmo, fuseMasks } from 'videomolmo'
import { createRequire } from 'node:module'
const api = await import('videomolmo')
const { rleArea } = await import('videomolmo/labels')
const { scoreMasks } = await import('videomolmo/evaluate')
const required = createRequire(import.meta.url)('videomolmo')
if (required.VideoMolmo !== api.VideoMolmo) throw new Error('import and require differ')
console.log(Object.keys(api).sort().join(' '))
const mask = (...data) => ({ data: Uint8Array.from(data), width: 2, height: 2 })
const fused = fuseMasks(mask(1, 1, 0, 0), mask(1, 1, 1, 0), { tau: 0.6 })
if (rleArea({ size: [2, 2], counts: [1, 3] }) !== 3) throw new Error('labels are not what they should be')
if (scoreMasks(fused, fused).j !== 1) throw new Error('scores are not what they should be')
if ([...fused.data].join('') !== '1100') throw new Error('the engine fuses wrongly: ' + fused.data)
`

const folder = mkdtempSync(path.join(os.tmpdir(), 'videomolmo-package-'))
try {
  const tarball = pack(folder)
  const bytes = statSync(tarball).size
  console.log(`${path.basename(tarball)}: ${(bytes / 2 ** 20).toFixed(1)} MiB`)
  if (bytes > MAX_TARBALL_BYTES) fail(`the tarball is larger than ${MAX_TARBALL_BYTES} bytes`)

  const app = mkdtempSync(path.join(folder, 'app-'))
  writeFileSync(
    path.join(app, 'package.json'),
    '{ "name": "app", "private": true, "type": "module" }',
  )
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd: app })
  if (readdirSync(path.join(app, 'node_modules', 'videomolmo')).includes('build')) {
    fail('the installed package was built from source')
  }
  writeFileSync(path.join(app, 'use.mjs'), program)
  const environment = { ...process.env, PREBUILDS_ONLY: '1' }
  console.log(run(process.execPath, ['use.mjs'], { cwd: app, env: environment }).trim())
  const doctor = run('npx', ['--no-install', 'videomolmo', 'doctor'], {
    cwd: app,
    env: environment,
  })
  console.log(doctor.trim())
  console.log('check:package: passed')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
