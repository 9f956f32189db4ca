import { performance } from 'node:perf_hooks'
import type { DeviceName, Dtype } from '../load/settings.js'

export interface BenchOptions {
  /** 0: one per core. */
  threads: number
  rounds: number
  dtype: Exclude<Dtype, 'stored'>
  device: DeviceName
  json?: boolean
}

/** One measured quantity. */
export interface BenchRow {
  name: string
  /** Milliseconds per repetition. */
  times: number[]
  /** What one repetition does, for a rate. */
  work?: { amount: number; unit: 'GFLOP' | 'GB' | 'frames' }
}

/** Runs `work` a first time unmeasured, then `rounds` times. */
export async function repeat(rounds: number, work: () => Promise<unknown>): Promise<number[]> {
  await work()
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const since = performance.now()
    await work()
    times.push(performance.now() - since)
  }
  return times
}
