import { availableParallelism, cpus, loadavg } from 'node:os'
import type { Dataset, Sequence } from '../datasets/dataset.js'
import { AbortedError, InvalidArgumentError } from '../engine/errors.js'
import type { Timings } from '../ground/models.js'
import { addTimes } from '../ground/slot.js'
import { RunFolder } from './run-folder.js'
import { groundSentence, loadClip } from './sentence.js'
import type { SweepRow, SweepTable, Variant } from './sweep-tables.js'
import { ClipTrial, type TrialModels } from './trial.js'

/** Scores of one sentence in one row. */
export interface RowScore {
  j: number
  f: number
  /** Of the pointer's points, where the table has them. */
  f1?: number
}

/** Seconds of one row, over some frames. */
export interface RowTime {
  frames: number
  /** Seconds of the pointer's stages, of the segmenter's and the fusion's, and on the clock. */
  pointing: number
  masks: number
  total: number
}

/** What is kept of a sequence under one variant of the models. */
export interface SweepRecord {
  /** By table and row label. */
  scores: { [row: string]: RowScore[] }
  times: { [row: string]: RowTime }
}

export interface SweepOptions {
  tables: readonly SweepTable[]
  load: (variant: Variant) => Promise<TrialModels & AsyncDisposable>
  output: string
  settings: { [name: string]: unknown }
  restart?: boolean
  /** Names of the sequences to sweep over. Default: all. */
  only?: readonly string[]
  /** Sentences of a sequence, at most. Default: all. */
  sentences?: number
  /** Sequences whose first sentence is timed. */
  timed: number
  signal?: AbortSignal
  onProgress?: (progress: { framesDone: number; frameCount: number }) => void
}

export interface Sweep {
  dataset: Dataset
  tables: readonly SweepTable[]
  scores: Map<string, RowScore[]>
  times: Map<string, RowTime>
  sequences: number
  sentences: number
  /** What times were measured on. */
  machine: string
}

export const rowKey = (table: SweepTable, row: SweepRow) => `${table.id}/${row.label}`

/** Stages that belong to the pointer; the others are masks. */
const POINTER_STAGES = ['preprocess', 'vit', 'temporal', 'connector', 'prefill', 'decodeTokens']

interface Job {
  table: SweepTable
  row: SweepRow
}

function jobsByVariant(tables: readonly SweepTable[]): Map<string, Job[]> {
  const jobs = new Map<string, Job[]>()
  for (const table of tables) {
    for (const row of table.rows) {
      jobs.set(row.variant.name, [...(jobs.get(row.variant.name) ?? []), { table, row }])
    }
  }
  return jobs
}

/** Scores of every sentence under every row, from what all of them share. */
async function scoreRows(
  models: TrialModels,
  sequence: Sequence,
  jobs: readonly Job[],
  most: number,
  onSentence: () => void,
): Promise<SweepRecord['scores']> {
  const scored = jobs.filter(({ table }) => table.measure !== 'time')
  if (scored.length === 0) return {}
  using trial = await ClipTrial.open(sequence, models)
  const scores: SweepRecord['scores'] = {}
  for (const expression of sequence.expressions.slice(0, most)) {
    const sentence = await trial.sentence(expression)
    const masks = await sentence.masks(scored.map(({ row }) => row.setting))
    for (const [i, { table, row }] of scored.entries()) {
      const { j, f } = masks[i]!
      const { keyframeEvery, contextFrames } = row.setting
      const said =
        table.measure === 'points' ? await sentence.points({ keyframeEvery, contextFrames }) : null
      const key = rowKey(table, row)
      scores[key] ??= []
      // A sentence without any scored frame has no score.
      if (!Number.isNaN(j)) scores[key].push({ j, f, ...(said ? { f1: said.f1 } : {}) })
    }
    onSentence()
  }
  return scores
}

/** Times rows on the first sentence; nothing is shared between them, and pictures are read before. */
async function timeRows(
  models: TrialModels,
  sequence: Sequence,
  jobs: readonly Job[],
): Promise<SweepRecord['times']> {
  const [expression] = sequence.expressions
  const timed = jobs.filter(({ table }) => table.measure === 'time')
  if (timed.length === 0 || !expression) return {}
  const clip = await loadClip(sequence)
  const times: SweepRecord['times'] = {}
  for (const { table, row } of timed) {
    const { keyframeEvery, contextFrames } = row.setting
    const every = Math.min(keyframeEvery, clip.frames.length)
    const stages: Timings = {}
    const since = performance.now()
    const options = { keyframeEvery: every, contextFrames }
    const results = await groundSentence(models, { clip, expression }, options)
    const total = (performance.now() - since) / 1000
    for (const { timings } of results) addTimes(stages, timings)
    times[rowKey(table, row)] = { frames: results.length, ...stageSeconds(stages), total }
  }
  return times
}

function stageSeconds(stages: Timings): { pointing: number; masks: number } {
  const seconds = (own: (stage: string) => boolean) =>
    Object.entries(stages).reduce((sum, [stage, ms]) => sum + (own(stage) ? ms / 1000 : 0), 0)
  return {
    pointing: seconds(stage => POINTER_STAGES.includes(stage)),
    masks: seconds(stage => stage !== 'decode' && !POINTER_STAGES.includes(stage)),
  }
}

/** Adds what a record holds to the whole. */
function addRecord({ scores, times }: Pick<Sweep, 'scores' | 'times'>, record: SweepRecord): void {
  for (const [key, list] of Object.entries(record.scores)) {
    scores.set(key, [...(scores.get(key) ?? []), ...list])
  }
  for (const [key, time] of Object.entries(record.times)) {
    const before = times.get(key) ?? { frames: 0, pointing: 0, masks: 0, total: 0 }
    times.set(key, {
      frames: before.frames + time.frames,
      pointing: before.pointing + time.pointing,
      masks: before.masks + time.masks,
      total: before.total + time.total,
    })
  }
}

/** Processor, cores, and how busy they were: times mean little on a machine with other work. */
function describeMachine(): string {
  const load = loadavg()[0]!.toFixed(1)
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, load average ${load}`
}

/** One variant of the models on the sequences that have no record yet. */
async function sweepVariant(
  sequences: readonly Sequence[],
  jobs: readonly Job[],
  options: SweepOptions,
  folder: RunFolder<SweepRecord>,
  advance: (sentences: number) => void,
): Promise<SweepRecord[]> {
  const { variant } = jobs[0]!.row
  const { load, timed, signal } = options
  const keyOf = ({ id }: Sequence) => `${variant.name}/${id}`
  const records = await Promise.all(sequences.map(sequence => folder.read(keyOf(sequence))))
  for (const [i, record] of records.entries()) {
    if (record) advance(countSentences(sequences[i]!, options))
  }
  if (records.every(record => record !== null)) return records
  await using models = await load(variant)
  const result: SweepRecord[] = []
  for (const [i, sequence] of sequences.entries()) {
    if (signal?.aborted) throw new AbortedError()
    const most = options.sentences ?? Number.POSITIVE_INFINITY
    const record = records[i] ?? {
      scores: await scoreRows(models, sequence, jobs, most, () => advance(1)),
      times: i < timed ? await timeRows(models, sequence, jobs) : {},
    }
    if (!records[i]) await folder.write(keyOf(sequence), record)
    result.push(record)
  }
  return result
}

const countSentences = ({ expressions }: Sequence, { sentences }: SweepOptions) =>
  Math.min(sentences ?? expressions.length, expressions.length)

function checkSweepable({ title, split, sequences }: Dataset): void {
  if (sequences.some(({ objects, expressions }) => objects && expressions.length > 0)) return
  throw new InvalidArgumentError(
    `${title} ${split} has no sentences with ground truth here, so settings cannot be compared on it`,
  )
}

/**
 * Measures the rows of the paper's tables on a data set. Finished sequences are kept in the output
 * folder; after an interruption the same call goes on with the others. A sequence's frames are held
 * in memory with their features while it is swept.
 *
 * @throws INVALID_ARGUMENT for a data set without sentences or ground truth, or a folder with
 * another sweep; DATASET_INVALID, ABORTED.
 */
export async function runSweep(whole: Dataset, options: SweepOptions): Promise<Sweep> {
  const { tables, only, output, settings, restart, onProgress } = options
  const sequences = whole.sequences.filter(({ id }) => only?.includes(id) ?? true)
  const dataset = { ...whole, sequences }
  checkSweepable(dataset)
  const folder = await RunFolder.open<SweepRecord>(output, settings, restart)
  const sentences = sequences.reduce((sum, next) => sum + countSentences(next, options), 0)
  const found = { scores: new Map<string, RowScore[]>(), times: new Map<string, RowTime>() }
  const jobs = jobsByVariant(tables)
  let done = 0
  const advance = (count: number) => {
    done += count
    onProgress?.({ framesDone: done, frameCount: sentences * jobs.size })
  }
  for (const rows of jobs.values()) {
    const records = await sweepVariant(sequences, rows, options, folder, advance)
    for (const record of records) addRecord(found, record)
  }
  const machine = describeMachine()
  return { dataset, tables, ...found, sequences: sequences.length, sentences, machine }
}
