import { addon } from '../engine/loader.js'
import { decodeCounts, encodeCounts } from '../formats/rle.js'
import { type ScoredMask, scoreMasks } from '../metrics/masks.js'
import { type BenchOptions, type BenchRow, repeat } from './rows.js'

const WIDTH = 1920
const HEIGHT = 1080
/** Bytes of a mask: reading them once is the least that any of this can take. */
const GIGABYTES = (WIDTH * HEIGHT) / 1e9

function maskOf(inside: (x: number, y: number) => boolean): ScoredMask {
  const data = new Uint8Array(WIDTH * HEIGHT)
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, at++) data[at] = inside(x, y) ? 1 : 0
  }
  return { data, width: WIDTH, height: HEIGHT }
}

/** A third of the frame with a wavy outline. */
const blob = (shift: number) =>
  maskOf((x, y) => {
    const [dx, dy] = [x - 960 - shift, y - 540]
    return Math.hypot(dx, dy) < 450 + 40 * Math.sin(12 * Math.atan2(dy, dx))
  })

/** Single pixels everywhere, boundaries all over the frame. */
function noise(seed: number): ScoredMask {
  let state = seed
  return maskOf(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 31 === 1
  })
}

/** Pairs and single masks of 1920 x 1080 pixels; everything runs on one core. */
export async function benchMetrics({ rounds }: BenchOptions): Promise<BenchRow[]> {
  const [truth, predicted] = [blob(0), blob(9)]
  const [first, second] = [noise(1), noise(2)]
  const counts = encodeCounts(truth.data, WIDTH, HEIGHT)
  const measure = async (name: string, masks: number, work: () => unknown): Promise<BenchRow> => ({
    name,
    times: await repeat(rounds, async () => work()),
    work: { amount: masks * GIGABYTES, unit: 'GB' },
  })
  return [
    await measure('J and F of two objects', 2, () => scoreMasks(truth, predicted)),
    await measure('J and F of noise', 2, () => scoreMasks(first, second)),
    await measure('run lengths of an object', 1, () => encodeCounts(truth.data, WIDTH, HEIGHT)),
    await measure('  and back', 1, () => decodeCounts(counts, WIDTH, HEIGHT)),
    await measure("distances to an object's rim", 1, () => addon().rimDistances(truth)),
  ]
}
