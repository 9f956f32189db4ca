// Builds the addon: cmake-js, one compiler per core, and ccache where it is installed.
//   node scripts/build-native.mjs [--debug]
// VIDEOMOLMO_CUDA=0 leaves the CUDA kernels out.
import { execFileSync, spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const has = program => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0

const args = ['compile', '--directory', root, '--parallel', String(availableParallelism())]
// The native test and benchmark executables lie beside the addon.
args.push('--CDVMOLMO_TESTS=ON', '--CDVMOLMO_BENCH=ON')
if (process.argv.includes('--debug')) args.push('--debug')
if (has('ccache')) {
  args.push('--CDCMAKE_CXX_COMPILER_LAUNCHER=ccache', '--CDCMAKE_CUDA_COMPILER_LAUNCHER=ccache')
}
if (process.env.VIDEOMOLMO_CUDA === '0') args.push('--CDVMOLMO_CUDA=OFF')

const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
try {
  execFileSync(process.execPath, [cmakeJs, ...args], { cwd: root, stdio: 'inherit' })
} catch (error) {
  process.exitCode = error.status ?? 1
}
