import { performance } from 'node:perf_hooks'
import type { AddonMemoryUse } from '../../lib/engine/addon.js'
import { addon } from '../../lib/engine/loader.js'

/** A model whose device can be waited for. */
interface Waitable {
  memory(): Promise<AddonMemoryUse>
}

/** Milliseconds of wall time until `work` is done and the model's device has done all of it. */
export async function timed(model: Waitable, work: () => Promise<unknown>): Promise<number> {
  const since = performance.now()
  await work()
  await model.memory()
  return performance.now() - since
}

/** `rounds` times, after a first time unmeasured; one round alone measures nothing and has none. */
export async function repeated(rounds: number, once: () => Promise<number>): Promise<number[]> {
  if (rounds > 1) await once()
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push(await once())
  return times
}

/** Intersection over union of masks of 0 and 1; 1 for two empty ones. */
export function maskIou(a: Uint8Array, b: Uint8Array): number {
  const line = (data: Uint8Array) => ({ data, width: data.length, height: 1 })
  const { intersection, union } = addon().maskOverlap(line(a), line(b))
  return union === 0 ? 1 : intersection / union
}
