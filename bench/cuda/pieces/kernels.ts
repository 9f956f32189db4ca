import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KernelLine, LimitsRow, Row } from '../results.js'

/** This file runs from dist/bench/cuda/pieces. */
export const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** A program that ended with a code of its own; its message has been printed or is this one's. */
export class Stopped extends Error {
  constructor(
    readonly code: number,
    message = '',
  ) {
    super(message)
  }
}

const FAILED = 1

function program(name: string): string {
  const file = path.join(root, 'build', name)
  if (existsSync(file)) return file
  throw new Stopped(
    FAILED,
    `${file} is missing: build it with "npm run build:tests" where nvcc is installed`,
  )
}

/** Runs the kernel benchmark with its output shown. Its code becomes ours: 3 says there is no device. */
function run(name: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program(name), args, { stdio: 'inherit', cwd: root })
  if (status !== 0) throw new Stopped(status ?? FAILED, error?.message)
}

/** The kernels' checks at tiny sizes: on the device, or on the emulated one. */
export function checkKernels(emulated: boolean): void {
  run(emulated ? 'videomolmo_cuda_bench_emulated' : 'videomolmo_cuda_bench', ['--check'])
}

/** The kernels whose names contain `part`, checked and measured; the device's limits come first. */
export function measureKernels(rounds: number, part: string | undefined): Row[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'videomolmo-bench-'))
  try {
    const file = path.join(folder, 'kernels.jsonl')
    const only = part === undefined ? [] : [part]
    run('videomolmo_cuda_bench', ['--rounds', String(rounds), '--json', file, ...only])
    const [limits, ...kernels] = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as object)
    return [
      { kind: 'limits', ...limits } as LimitsRow,
      ...kernels.map(row => ({ kind: 'kernel', ...row }) as KernelLine),
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What the device copies and multiplies at best. */
export function measureLimits(rounds: number): LimitsRow {
  return measureKernels(rounds, '--limits')[0] as LimitsRow
}
