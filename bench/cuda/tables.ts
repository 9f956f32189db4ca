import type { CheckRow, KernelLine, KernelRow, LimitsRow, Row, RunRow, TimeRow } from './results.js'
import { shareOfBandwidth, type Verdict, verdicts } from './targets.js'

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map((_, i) => (i ? '---:' : '---'))) + rows.map(line).join('')
}

/** Medians, rates and the share of what the device can do. */
export function kernelTable(rows: readonly KernelRow[]): string {
  return table(
    ['kernel', 'median us', 'quartiles', 'GB/s', 'TFLOP/s', 'of the limit', 'error'],
    rows.map(row => [
      row.name,
      row.medianUs.toFixed(1),
      `${row.lowUs.toFixed(1)} .. ${row.highUs.toFixed(1)}`,
      (row.bytes / row.medianUs / 1e3).toFixed(0),
      row.flops ? (row.flops / row.medianUs / 1e6).toFixed(0) : '',
      `${((100 * row.floorUs) / row.medianUs).toFixed(0)} % (${row.bound})`,
      row.error.toExponential(1),
    ]),
  )
}

/** What a row's figure means beside its time. */
function meaning(row: TimeRow, gigabytesPerSecond: number | undefined): string {
  if (row.bytes !== undefined && gigabytesPerSecond) {
    const share = shareOfBandwidth(row, gigabytesPerSecond)
    return `${(row.bytes / 1e9).toFixed(2)} GB of weights, ${(100 * share).toFixed(0)} % of the bandwidth`
  }
  if (row.frames !== undefined) return `${((1000 * row.frames) / row.median).toFixed(1)} frames/s`
  return row.note ?? ''
}

/** Ours beside PyTorch's figures of the named rows, where there are some. */
export function modelTable(
  rows: readonly TimeRow[],
  peers: ReadonlyMap<string, TimeRow>,
  gigabytesPerSecond?: number,
): string {
  return table(
    ['model', 'dtype', 'median ms', 'quartiles', 'PyTorch in bf16, ms (times as long)', ''],
    rows.map(row => [
      row.name,
      row.dtype,
      row.median.toFixed(2),
      `${row.low.toFixed(2)} .. ${row.high.toFixed(2)}`,
      (row.peers ?? [])
        .flatMap(name => {
          const peer = peers.get(name)
          if (!peer) return []
          const label = name.split(', ').at(-1)
          return [`${label}: ${peer.median.toFixed(2)} (${(peer.median / row.median).toFixed(2)})`]
        })
        .join('; '),
      meaning(row, gigabytesPerSecond),
    ]),
  )
}

const VERDICT = new Map([
  [true, 'reached'],
  [false, 'MISSED'],
])

export function targetTable(goals: readonly Verdict[]): string {
  return table(
    ['goal', 'target', 'reached', 'verdict'],
    goals.map(({ goal, target, reached, passed }) => [
      goal,
      target,
      reached,
      VERDICT.get(passed as boolean) ?? 'open',
    ]),
  )
}

function checkLines(checks: readonly CheckRow[]): string {
  const failed = checks.filter(({ passed }) => !passed)
  const lines = failed.map(({ name, dtype, detail }) => `- FAILED: ${name} (${dtype}): ${detail}\n`)
  return `${checks.length - failed.length} of ${checks.length} checks passed.\n${lines.join('')}`
}

function runLines(runs: ReadonlyMap<string, RunRow>): string {
  const lines = [...runs].map(([piece, run]) => {
    const state = run.state.map(line => `  - ${line}\n`).join('')
    return `- ${piece}: \`${run.command}\`, ${run.date}, revision ${run.revision}\n${state}`
  })
  const [run] = runs.values()
  const machine = run ? `${run.device}, ${run.driver}, ${run.cublasLt}; ${run.host}\n\n` : ''
  return machine + lines.join('')
}

const ofKind = <K extends Row['kind']>(rows: readonly Row[], kind: K) =>
  rows.filter((row): row is Extract<Row, { kind: K }> => row.kind === kind)

/** Everything that was measured so far as one page, by piece. */
export function report(pieces: ReadonlyMap<string, readonly Row[]>): string {
  const all = [...pieces.values()].flat()
  const limits: LimitsRow | undefined = ofKind(all, 'limits').at(-1)
  const times = ofKind(all, 'time')
  const kernels: KernelLine[] = ofKind(all, 'kernel')
  const peers = new Map(
    times.filter(({ by }) => by === 'pytorch').map(row => [row.name, row] as const),
  )
  const ours = times.filter(({ by }) => by === 'videomolmo')
  const runs = new Map(
    [...pieces].flatMap(([name, rows]) => ofKind(rows, 'run').map(run => [name, run] as const)),
  )
  const limit = limits
    ? `Measured limits: ${limits.gigabytesPerSecond} GB/s copied (read and written), ${limits.teraflops} TFLOP/s in bf16.\n\n`
    : ''
  return [
    `# CUDA figures\n\n${runLines(runs)}\n${limit}`,
    'Times of models are wall time until the device has done everything; those of kernels and of PyTorch lie\n' +
      'between CUDA events. Medians and quartiles, after a warm-up. Weights of models and inputs of kernels are several\n' +
      'times the L2 cache.\n\n',
    `## Goals\n\n${targetTable(verdicts(all))}\n`,
    `${checkLines(ofKind(all, 'check'))}\n`,
    `## Models\n\n${modelTable(ours, peers, limits?.gigabytesPerSecond)}\n`,
    `## PyTorch\n\n${modelTable([...peers.values()], new Map())}\n`,
    kernels.length > 0 ? `## Kernels\n\n${kernelTable(kernels)}` : '',
  ].join('')
}
