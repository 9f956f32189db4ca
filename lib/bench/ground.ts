import { fileURLToPath } from 'node:url'
import { VideoMolmo } from '../ground/videomolmo.js'
import type { BenchOptions, BenchRow } from './rows.js'

/** The clip that comes with the package. */
export const DEMO_CLIP = fileURLToPath(new URL('../../../assets/demo/clip.mp4', import.meta.url))

/** The whole way with the embedded models on the demo clip. */
export async function benchGround(options: BenchOptions): Promise<BenchRow[]> {
  const { device, dtype, threads, rounds } = options
  await using vm = await VideoMolmo.load({ device, dtype, threads })
  const times: number[] = []
  const stages = new Map<string, number>()
  let frames = 0
  for (let round = 0; round <= rounds; round++) {
    const since = performance.now()
    frames = 0
    for await (const { timings } of vm.ground(DEMO_CLIP, 'all cyan stars')) {
      frames++
      for (const [stage, ms] of round === 0 ? [] : Object.entries(timings)) {
        stages.set(stage, (stages.get(stage) ?? 0) + ms)
      }
    }
    if (round > 0) times.push(performance.now() - since)
  }
  return [
    { name: `${frames} frames`, times, work: { amount: frames, unit: 'frames' } },
    ...[...stages].map(([name, ms]) => ({ name: `  ${name}`, times: [ms / rounds] })),
  ]
}
