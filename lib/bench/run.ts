import { cpus, totalmem } from 'node:os'
import type { Addon } from '../engine/addon.js'
import { InvalidArgumentError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { DTYPES } from '../load/settings.js'
import { benchGround } from './ground.js'
import { benchMasks } from './masks.js'
import { benchMetrics } from './metrics.js'
import { benchDecode, benchVit } from './pointer.js'
import type { BenchOptions, BenchRow } from './rows.js'
import { benchSam2 } from './sam2.js'

const RUNNERS = {
  vit: benchVit,
  decode: benchDecode,
  sam2: benchSam2,
  ground: benchGround,
  metrics: benchMetrics,
  masks: benchMasks,
} as const

export const BENCH_DTYPES = DTYPES.filter(dtype => dtype !== 'stored')

export type BenchName = keyof typeof RUNNERS

export const BENCHMARKS = Object.keys(RUNNERS) as BenchName[]

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function machine(options: BenchOptions) {
  const { selected, cores } = addon().cpu()
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores,
    kernels: selected,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    threads: options.threads || cores,
    dtype: options.dtype,
    device: options.device,
    node: process.version,
  }
}

type Limits = ReturnType<Addon['measureLimits']>

function limitOf(unit: string, limits: Limits | null): number | undefined {
  if (!limits) return undefined
  if (unit === 'GFLOP') return limits.gflops
  return unit === 'GB' ? limits.gigabytesPerSecond : undefined
}

function summarize({ name, times, work }: BenchRow, limits: Limits | null) {
  const sorted = times.toSorted((a, b) => a - b)
  const middle = median(sorted)
  const value = work ? (work.amount / middle) * 1000 : 0
  const limit = work && limitOf(work.unit, limits)
  const share = limit === undefined ? {} : { shareOfLimit: value / limit }
  const rate = work ? { value, unit: `${work.unit}/s`, ...share } : null
  return { name, medianMs: middle, leastMs: sorted[0]!, mostMs: sorted.at(-1)!, rate }
}

/** Prints the machine and, per quantity, median, spread and rate. */
export async function runBenchmark(
  name: BenchName,
  options: BenchOptions,
  print: (text: string) => void,
): Promise<void> {
  const runner = RUNNERS[name]
  if (!runner) {
    throw new InvalidArgumentError(
      `benchmark must be one of ${BENCHMARKS.join(', ')}, got ${JSON.stringify(name)}`,
    )
  }
  if (options.rounds < 1) {
    throw new InvalidArgumentError(`rounds must be at least 1, got ${options.rounds}`)
  }
  const about = machine(options)
  if (!options.json)
    print(
      Object.entries(about)
        .map(([k, v]) => `${k}: ${v}`)
        .join(', '),
    )
  // Those of a GPU are measured by bench/cuda.
  const limits = options.device === 'cpu' ? addon().measureLimits(options.threads) : null
  const rows = (await runner(options)).map(row => summarize(row, limits))
  if (options.json) {
    print(JSON.stringify({ benchmark: name, machine: about, limits, rows }))
    return
  }
  if (limits) {
    print(
      `measured limits: ${limits.gflops.toFixed(0)} GFLOP/s (f32 matrix product), ` +
        `${limits.gigabytesPerSecond.toFixed(1)} GB/s (reading memory)`,
    )
  }
  for (const row of rows) {
    const share = row.rate?.shareOfLimit
    const ofLimit = share === undefined ? '' : ` (${(share * 100).toFixed(0)} % of the limit)`
    const rate = row.rate ? `  ${row.rate.value.toFixed(2)} ${row.rate.unit}${ofLimit}` : ''
    const spread = `${row.leastMs.toFixed(1)} .. ${row.mostMs.toFixed(1)}`
    print(`${row.name.padEnd(34)} ${row.medianMs.toFixed(1).padStart(9)} ms  (${spread})${rate}`)
  }
  print(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`)
}
