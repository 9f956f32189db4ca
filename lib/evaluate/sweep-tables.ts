import { InvalidArgumentError } from '../engine/errors.js'
import { FUSION_STRATEGIES, type FusionStrategy } from '../ground/options.js'
import { defaultSetting, type Setting } from './trial.js'

/** The models as they were asked for, or with another dtype or segmenter. */
export type Variant =
  | { name: 'as loaded' }
  | { name: string; dtype: string }
  | { name: string; segmenter: string }

export const AS_LOADED: Variant = { name: 'as loaded' }

export interface SweepRow {
  label: string
  /** The row of the paper's table that measures the same. */
  paper?: string
  setting: Setting
  variant: Variant
}

export interface SweepTable {
  /** As it is asked for: the paper's number, or a name. */
  id: string
  title: string
  /** What is varied: the head of the first column. */
  column: string
  /** `points` also scores the pointer's points; `time` measures seconds per frame. */
  measure: 'masks' | 'points' | 'time'
  rows: SweepRow[]
}

/** Values to try instead of the paper's. */
export interface SweepChoices {
  /** Sampling rate of the tables that vary something else. Default 5. */
  keyframeEvery?: number
  k?: readonly number[]
  tau?: readonly number[]
  context?: readonly number[]
  points?: readonly number[]
  strategies?: readonly FusionStrategy[]
  dtypes?: readonly string[]
  segmenters?: readonly string[]
}

/** One axis: which values it takes by default and what they change. */
interface Axis {
  title: string
  column: string
  measure?: SweepTable['measure']
  rows: (choices: SweepChoices, previousFrames: number) => Row[]
}

type Row = Pick<SweepRow, 'label' | 'paper'> & { change?: Partial<Setting>; variant?: Variant }

/** Names of the strategies in table 5. */
const STRATEGY_NAMES: Record<FusionStrategy, string> = {
  bidirectional: 'bidirectional',
  'prefer-left': 'prefer left',
  'prefer-right': 'prefer right',
  intersection: 'intersection',
  larger: 'larger mask',
  smaller: 'smaller mask',
}

/** Molmo+SAM2: every frame for itself, its mask carried to the next keyframe. */
const SINGLE_FRAME: Partial<Setting> = { contextFrames: 0, strategy: 'prefer-left' }

const everyK = (rates: readonly number[], change: Partial<Setting> = {}): Row[] =>
  rates.map(k => {
    const label = k === Number.POSITIVE_INFINITY ? '|T|' : String(k)
    return { label, paper: label, change: { ...change, keyframeEvery: k } }
  })

function contextRows({ context }: SweepChoices, previousFrames: number): Row[] {
  const all = Array.from({ length: previousFrames + 1 }, (_, l) => l)
  return (context ?? all).map(l => {
    const label = `l = ${l}`
    if (l === 0) return { label, paper: 'single frame', change: { contextFrames: l } }
    const whole = l === previousFrames ? { paper: 'cross-attention' } : {}
    return { label, ...whole, change: { contextFrames: l } }
  })
}

const clicks = (points: number, negative = false) => ({ clicks: { points, negative } })

const AXES: { [id: string]: Axis } = {
  5: {
    title: 'Fusion strategy',
    column: 'strategy',
    rows: ({ strategies = FUSION_STRATEGIES }) =>
      strategies.map(strategy => {
        const name = STRATEGY_NAMES[strategy]
        return { label: name, paper: name, change: { strategy } }
      }),
  },
  6: { title: 'Previous frames', column: 'context', measure: 'points', rows: contextRows },
  8: {
    title: 'Sampling rate without previous frames and fusion',
    column: 'k',
    rows: ({ k = [1, 3, 10, 30, Number.POSITIVE_INFINITY] }) => everyK(k, SINGLE_FRAME),
  },
  9: {
    title: 'Threshold of the fusion',
    column: 'tau',
    rows: ({ tau = [0, 0.3, 0.5, 0.7, 0.9] }) =>
      tau.map(value => ({ label: String(value), paper: String(value), change: { tau: value } })),
  },
  10: {
    title: 'Sampling rate',
    column: 'k',
    rows: ({ k = [3, 5, 10, 15, 20, 30] }) => everyK(k),
  },
  13: {
    title: 'Points per object',
    column: 'points',
    rows: ({ points = [1, 2, 3, 4] }) =>
      points.map(n => ({ label: String(n), paper: String(n), change: clicks(n) })),
  },
  14: {
    title: 'Kinds of points',
    column: 'points',
    rows: () => [
      { label: 'single positive', paper: 'single positive', change: clicks(1) },
      {
        label: 'positive and negative',
        paper: 'positive and negative',
        change: clicks(1, true),
      },
      { label: 'multiple', paper: 'multiple', change: clicks(3) },
    ],
  },
  15: {
    title: 'Segmenter',
    column: 'segmenter',
    rows: ({ segmenters = [] }) => [
      { label: 'with memory', paper: 'SAM2' },
      { label: 'frame by frame', change: { tracking: 'per-frame' } },
      ...segmenters.map(path => ({
        label: path,
        variant: { name: `segmenter ${path}`, segmenter: path },
      })),
    ],
  },
  19: {
    title: 'Time per stage',
    column: 'k',
    measure: 'time',
    rows: () => everyK([4]),
  },
  20: {
    title: 'Time by sampling rate',
    column: 'k',
    measure: 'time',
    rows: ({ k = [4, 8, 10, 15] }) => everyK(k),
  },
  dtype: {
    title: 'Weights of the pointer',
    column: 'dtype',
    measure: 'points',
    rows: ({ dtypes = ['fp32', 'bf16', 'int8', 'int4', 'fp4'] }) =>
      dtypes.map(dtype => ({ label: dtype, variant: { name: `dtype ${dtype}`, dtype } })),
  },
}

export const SWEEP_TABLES = Object.keys(AXES)

/** What is swept when nothing is asked for: every table of the paper. */
export const PAPER_SWEEP = SWEEP_TABLES.filter(id => id !== 'dtype')

/**
 * The tables to make.
 *
 * @throws INVALID_ARGUMENT for an unknown table.
 */
export function sweepTables(
  ids: readonly string[],
  previousFrames: number,
  choices: SweepChoices,
): SweepTable[] {
  const standard = defaultSetting(previousFrames)
  const base = { ...standard, keyframeEvery: choices.keyframeEvery ?? standard.keyframeEvery }
  return ids.map(id => {
    const axis = AXES[id]
    if (!axis) {
      throw new InvalidArgumentError(
        `table must be one of ${SWEEP_TABLES.join(', ')}, got ${JSON.stringify(id)}`,
      )
    }
    const rows = axis.rows(choices, previousFrames).map(
      ({ change, variant = AS_LOADED, ...row }): SweepRow => ({
        ...row,
        setting: { ...base, ...change },
        variant,
      }),
    )
    const { title, column, measure = 'masks' } = axis
    return { id, title, column, measure, rows }
  })
}
