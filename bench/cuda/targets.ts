import type { KernelLine, Row, TimeRow } from './results.js'

/** One goal of the CUDA half: what it asks for, what was reached. */
export interface Verdict {
  goal: string
  target: string
  reached: string
  passed: boolean | undefined
}

type Found<T> = T | undefined

/** Rows by what they are called; the last one counts. */
class Figures {
  constructor(readonly rows: readonly Row[]) {}

  time(by: TimeRow['by'], name: string, dtype = 'bf16'): Found<TimeRow> {
    return this.rows.findLast(
      (row): row is TimeRow =>
        row.kind === 'time' && row.by === by && row.name === name && row.dtype === dtype,
    )
  }

  kernels(part: string): KernelLine[] {
    return this.rows.filter(
      (row): row is KernelLine => row.kind === 'kernel' && row.name.includes(part),
    )
  }

  get gigabytesPerSecond(): Found<number> {
    return this.rows.findLast(row => row.kind === 'limits')?.gigabytesPerSecond
  }
}

/** The measured share of the bandwidth at which a row's bytes could be read. */
export function shareOfBandwidth(
  row: Pick<TimeRow, 'bytes' | 'median'>,
  gigabytesPerSecond: number,
): number {
  return (row.bytes ?? 0) / 1e6 / row.median / gigabytesPerSecond
}

function atLeast(goal: string, least: number, unit: string, value: Found<number>): Verdict {
  return {
    goal,
    target: `>= ${least}${unit}`,
    reached: value === undefined ? 'not measured' : `${value.toFixed(2)}${unit}`,
    passed: value === undefined ? undefined : value >= least,
  }
}

function atMost(goal: string, most: number, unit: string, value: Found<number>): Verdict {
  const verdict = atLeast(goal, most, unit, value)
  return {
    ...verdict,
    target: `<= ${most}${unit}`,
    passed: value === undefined ? undefined : value <= most,
  }
}

const ratio = (a: Found<TimeRow>, b: Found<TimeRow>) => (a && b ? a.median / b.median : undefined)

function pointerGoals(figures: Figures): Verdict[] {
  const reference = figures.time('pytorch', 'total, frames encoded again')
  const names = [
    'one frame',
    'one frame, its draft right',
    'one frame, its draft half right',
    'a keyframe of 8 together',
  ]
  return names.map(name =>
    atLeast(
      `${name}, bf16, against PyTorch encoding its predecessors again`,
      5,
      'x',
      ratio(reference, figures.time('videomolmo', `total, ${name}`)),
    ),
  )
}

function bandwidthGoals(figures: Figures): Verdict[] {
  const limit = figures.gigabytesPerSecond
  const goals = [
    ['bf16', 0.85],
    ['int4', 0.7],
  ] as const
  const steps = goals.map(([dtype, least]) => {
    const row = figures.time('videomolmo', 'a step of 1 sequence', dtype)
    const share = row && limit ? shareOfBandwidth(row, limit) : undefined
    return atLeast(`decoding step, ${dtype}, of the measured bandwidth`, least, '', share)
  })
  const windows = figures.kernels('window attention')
  const shares = windows.map(({ floorUs, medianUs }) => floorUs / medianUs)
  const worst = shares.length > 0 ? Math.min(...shares) : undefined
  return [...steps, atLeast('window cross-attention, of the measured bandwidth', 0.8, '', worst)]
}

function segmenterGoals(figures: Figures): Verdict[] {
  const large = 'SAM 2.1 large'
  const ours = figures.time('videomolmo', `${large}, 1 object, a frame`)
  const peer = (kind: string) => ratio(figures.time('pytorch', `${large}, 1 object, ${kind}`), ours)
  const goals = [
    atLeast(`${large}, one object, against eager PyTorch`, 2, 'x', peer('eager')),
    atLeast(`${large}, one object, against compiled PyTorch`, 1.2, 'x', peer('compiled')),
  ]
  for (const name of [large, 'SAM 2.1 tiny']) {
    const one = figures.time('videomolmo', `${name}, 1 object, a frame`)
    const many = figures.time('videomolmo', `${name}, 16 objects, a frame`)
    goals.push(atMost(`${name}, 16 objects against one`, 2, 'x', ratio(many, one)))
  }
  return goals
}

function memoryGoal({ rows }: Figures): Verdict {
  const check = rows.findLast(row => row.kind === 'check' && row.name.startsWith('memory of both'))
  const found = check?.kind === 'check' ? check : undefined
  return {
    goal: found?.name ?? 'memory of both models over 2000 frames is flat',
    target: 'flat',
    reached: found?.detail ?? 'not measured',
    passed: found?.passed,
  }
}

/** Every goal with its verdict; undefined where a figure is missing. */
export function verdicts(rows: readonly Row[]): Verdict[] {
  const figures = new Figures(rows)
  return [
    ...pointerGoals(figures),
    ...bandwidthGoals(figures),
    ...segmenterGoals(figures),
    memoryGoal(figures),
  ]
}
