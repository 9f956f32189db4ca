// Builds the addon: cmake-js, one compiler per core, and ccache where it is installed.
//   node scripts/build-native.mjs [--tests] [--debug]
// --tests also builds what the tests and benchmarks run: native tests, the emulated CUDA device, the parity addon.
// VIDEOMOLMO_CUDA=0 leaves the CUDA kernels out; VIDEOMOLMO_CUDA_ARCHITECTURES (as CMake takes it, or "all") says what
// chips they are compiled for: by default the one that is here, else those of cmake/cuda.cmake.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { architectureOf } from './cuda-architecture.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const has = program => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0

const args = ['--directory', root, '--parallel', String(availableParallelism())]
if (!process.argv.includes('--tests')) args.push('--target', 'videomolmo')
// Configured wherever they lie (an installed package has none of these folders), so that one build folder serves both.
for (const [folder, option] of [
  ['test/native', 'VMOLMO_TESTS'],
  ['bench/native', 'VMOLMO_BENCH'],
  ['examples/cpp', 'VMOLMO_EXAMPLES'],
]) {
  if (existsSync(path.join(root, folder))) args.push(`--CD${option}=ON`)
}
if (process.argv.includes('--debug')) args.push('--debug')
// A compiler cache does what precompiled headers do, and cannot see through them.
const cache = has('ccache') && !process.env.CCACHE_DISABLE
for (const language of ['CXX', 'CUDA']) {
  args.push(`--CDCMAKE_${language}_COMPILER_LAUNCHER=${cache ? 'ccache' : ''}`)
}
args.push(`--CDVMOLMO_PRECOMPILE=${cache ? 'OFF' : 'ON'}`)
if (process.env.VIDEOMOLMO_CUDA === '0') args.push('--CDVMOLMO_CUDA=OFF')
const architectures = process.env.VIDEOMOLMO_CUDA_ARCHITECTURES ?? architectureHere()
if (architectures) args.push(`--CDVMOLMO_CUDA_ARCHITECTURES=${architectures}`)

/** The first device's architecture; undefined without one, or where the driver cannot say. */
function architectureHere() {
  const query = ['--query-gpu=compute_cap', '--format=csv,noheader']
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' })
  const capability = status === 0 ? stdout.split('\n')[0].trim() : ''
  return /^\d+\.\d$/.test(capability) ? architectureOf(capability) : undefined
}

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
