import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { root } from './pieces/kernels.js'
import { parseLines, type Row } from './results.js'

const LONGEST_MS = 9 * 60_000

export const PARTS = ['pointer', 'sam2'] as const
export type Part = (typeof PARTS)[number]

/** PyTorch's rows of a part, as many as came out; what went wrong is printed. */
export function measurePyTorch(
  python: string,
  part: Part,
  rounds: number,
  extra: readonly string[] = [],
): Row[] {
  const script = path.join(root, 'bench/cuda/pytorch')
  const args = [script, part, '--rounds', String(rounds), ...extra]
  const { stdout, stderr, status, error } = spawnSync(python, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: LONGEST_MS,
  })
  const rows = parseLines(stdout ?? '')
  if (status !== 0) {
    const last = stderr?.trim().split('\n').at(-1) || error?.message
    console.error(`PyTorch, ${part}: ${rows.length} figures, then: ${last ?? `code ${status}`}`)
  }
  return rows
}
