// Builds the addon: cmake-js, one compiler per core, and ccache where it is installed.
//   node scripts/build-native.mjs [--debug]
// VIDEOMOLMO_CUDA=0 leaves the CUDA kernels out; VIDEOMOLMO_CUDA_ARCHITECTURES=all (or a list as CMake takes it)
// compiles them for more than the one architecture of a checkout.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const has = program => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0

const args = ['--directory', root, '--parallel', String(availableParallelism())]
// In a checkout (an installed package has neither folder) the native tests and benchmarks lie beside the addon.
for (const [folder, option] of [
  ['test/native', 'VMOLMO_TESTS'],
  ['bench/native', 'VMOLMO_BENCH'],
]) {
  if (existsSync(path.join(root, folder))) args.push(`--CD${option}=ON`)
}
if (process.argv.includes('--debug')) args.push('--debug')
if (has('ccache')) {
  args.push('--CDCMAKE_CXX_COMPILER_LAUNCHER=ccache', '--CDCMAKE_CUDA_COMPILER_LAUNCHER=ccache')
}
if (process.env.VIDEOMOLMO_CUDA === '0') args.push('--CDVMOLMO_CUDA=OFF')
const architectures = process.env.VIDEOMOLMO_CUDA_ARCHITECTURES
if (architectures) args.push(`--CDVMOLMO_CUDA_ARCHITECTURES=${architectures}`)

function findCmakeJs() {
  try {
    return createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
  } catch {
    console.error('cmake-js is missing; install it beside videomolmo: npm install cmake-js@8')
    process.exit(1)
  }
}

const cmakeJs = findCmakeJs()
try {
  // A folder that is configured already keeps its old options unless it is configured again.
  for (const step of ['configure', 'compile']) {
    execFileSync(process.execPath, [cmakeJs, step, ...args], { cwd: root, stdio: 'inherit' })
  }
} catch (error) {
  process.exitCode = error.status ?? 1
}
