// Makes prebuilds/<platform>-<arch>/videomolmo.<libc>.node for the machine it runs on.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
// An older file under another tag would be found first.
rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true })

const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')
const builder = path.join(root, 'scripts', 'node-gyp.cjs')
execFileSync(
  process.execPath,
  [
    prebuildify,
    '--napi',
    '--strip',
    '--tag-libc',
    '--node-gyp',
    builder,
    '-t',
    process.versions.node,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { VIDEOMOLMO_CUDA_ARCHITECTURES: 'all', ...process.env },
  },
)

// prebuildify moves the binary away; the checkout goes on with a copy.
const made = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`)
const built = path.join(root, 'build', 'Release')
mkdirSync(built, { recursive: true })
for (const file of readdirSync(made)) {
  copyFileSync(path.join(made, file), path.join(built, 'videomolmo.node'))
}
