import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type KernelRow, kernelTable, type ModelRow, modelTable } from './tables.js'

/**
 * npm run bench -- cuda: checks and measures the CUDA kernels at real sizes, then the models, then
 * PyTorch on the same machine, and prints them side by side.
 */
const root = fileURLToPath(new URL('../../../', import.meta.url))

const FAILED = 1

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: {
    // The kernels' checks on the emulated device; nothing is measured.
    emulated: { type: 'boolean', default: false },
    build: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '20' },
    python: { type: 'string', default: 'python3' },
    save: { type: 'string' },
  },
})

/** A step that ended the command; its message has been printed or is this one's. */
class Stopped extends Error {
  constructor(
    readonly code: number,
    message = '',
  ) {
    super(message)
  }
}

function program(name: string): string {
  const file = path.join(root, 'build', name)
  if (existsSync(file)) return file
  throw new Stopped(
    FAILED,
    `${file} is missing: build it with "npm run build" where nvcc is installed`,
  )
}

/** Runs a command with its output shown. Its code becomes ours: 3 says that there is no device. */
function must(command: string, args: string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root })
  if (status !== 0) throw new Stopped(status ?? FAILED, error?.message)
}

function jsonLines<Row>(file: string): Row[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map(line => JSON.parse(line) as Row)
}

function measureKernels(folder: string): { limits: Limits; rows: KernelRow[] } {
  const file = path.join(folder, 'kernels.jsonl')
  must(program('videomolmo_cuda_bench'), ['--rounds', options.rounds, '--json', file])
  const [limits, ...rows] = jsonLines<unknown>(file)
  return { limits: limits as Limits, rows: rows as KernelRow[] }
}

interface Limits {
  device: string
  gigabytesPerSecond: number
  teraflops: number
}

/** One of `videomolmo bench` on the GPU. A failure is reported and leaves its rows out. */
function measureModel(name: string, dtype: string): ModelRow[] {
  const cli = path.join(root, 'dist/lib/cli/main.js')
  const args = [cli, 'bench', name, '--device', 'cuda', '--dtype', dtype, '--json']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0) {
    console.error(`bench ${name} (${dtype}) failed: ${stderr.trim().split('\n').at(-1)}`)
    process.exitCode = FAILED
    return []
  }
  const { rows } = JSON.parse(stdout) as { rows: { name: string; medianMs: number }[] }
  return rows.map(row => ({ name: `${row.name}, ${dtype}`, medianMs: row.medianMs }))
}

/** The PyTorch figures by the names of our rows; none where torch or the device is missing. */
function measurePyTorch(): Map<string, number> {
  const script = path.join(root, 'bench/cuda/pytorch.py')
  const { status, stdout, stderr } = spawnSync(options.python, [script], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0) {
    console.error(`no PyTorch figures: ${stderr?.trim().split('\n').at(-1) ?? 'no python'}`)
    return new Map()
  }
  const rows = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as ModelRow)
  return new Map(rows.map(({ name, medianMs }) => [name, medianMs]))
}

function report(folder: string): string {
  const { limits, rows } = measureKernels(folder)
  const models = [
    ...measureModel('vit', 'bf16'),
    ...measureModel('decode', 'bf16'),
    ...measureModel('sam2', 'bf16'),
    ...measureModel('ground', 'bf16'),
  ]
  const { device, gigabytesPerSecond, teraflops } = limits
  const head = `${device}: ${gigabytesPerSecond} GB/s copied, ${teraflops} TFLOP/s bf16\n`
  return `${head}\n${kernelTable(rows)}\n${modelTable(models, measurePyTorch())}`
}

function main(): void {
  if (options.build) must('npm', ['run', 'build'])
  if (options.emulated) {
    must(program('videomolmo_cuda_bench_emulated'), ['--check'])
    return
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'videomolmo-bench-'))
  try {
    const text = report(folder)
    console.log(`\n${text}`)
    if (options.save) writeFileSync(options.save, text)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof Stopped)) throw error
  if (error.message) console.error(error.message)
  process.exitCode = error.code
}
