import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * npm run bench -- <name> [options]: the native kernels (gemm, attention) through their own
 * executable, `cuda`, `drafts` and `quant` through their folder, everything else through `videomolmo bench`.
 */
const root = new URL('../../', import.meta.url)
const NATIVE = ['gemm', 'attention']
const FOLDERS = ['cuda', 'drafts', 'quant']

const [name = '', ...options] = process.argv.slice(2)
const native = fileURLToPath(new URL('build/videomolmo_bench', root))
if (NATIVE.includes(name) && !existsSync(native)) {
  console.error(`${native} is missing: build it with "npm run build:tests"`)
  process.exit(1)
}
const command = NATIVE.includes(name)
  ? [native, name, ...options]
  : FOLDERS.includes(name)
    ? [process.execPath, fileURLToPath(new URL(`dist/bench/${name}/run.js`, root)), ...options]
    : [
        process.execPath,
        fileURLToPath(new URL('dist/lib/cli/main.js', root)),
        'bench',
        name,
        ...options,
      ]
const { status } = spawnSync(command[0]!, command.slice(1), { stdio: 'inherit' })
process.exitCode = status ?? 1
