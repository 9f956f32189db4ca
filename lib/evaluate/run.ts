import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, Sequence } from '../datasets/dataset.js'
import { listFolder } from '../datasets/files.js'
import type { Problem, Problems } from '../datasets/problems.js'
import { checkExtraResults, resultParts } from '../datasets/results.js'
import { AbortedError, DatasetError, DecodeError, InvalidArgumentError } from '../engine/errors.js'
import { eachOf } from './each.js'
import type { PredictTime } from './predict.js'
import { RunFolder } from './run-folder.js'
import { ScorePool } from './score-pool.js'
import type { SequenceScore } from './score-sequence.js'

/** How result files of a sequence looked when it was scored. */
interface ResultState {
  files: number
  bytes: number
  /** Milliseconds since 1970. */
  newest: number
}

/** What is kept of a finished sequence. */
export interface SequenceRecord extends SequenceScore {
  /** Frames that were gone through, once per sentence or result folder. */
  frames: number
  results: ResultState
  /** Where models ran. */
  time?: PredictTime
}

/** Runs models on a sequence and writes its results. */
export type Predict = (
  sequence: Sequence,
  results: string,
  onFrame: () => void,
) => Promise<PredictTime>

export interface EvaluateOptions {
  /** Folder of the run: records of finished sequences, and predictions of models. */
  output: string
  /** What is run.json; a run with other settings is not continued. */
  settings: { [name: string]: unknown }
  /** Names of the sequences to evaluate. Default: all. */
  only?: readonly string[]
  /** Folder of results to score. */
  results?: string
  /** Or models to run; their results go to `<output>/predictions`. */
  predict?: Predict
  /** Sequences at a time. 0: one per core for scoring, two for models. */
  jobs: number
  /** Forget what an earlier run finished. */
  restart?: boolean
  signal?: AbortSignal
  onProgress?: (progress: { framesDone: number; frameCount: number }) => void
}

export interface Evaluation {
  dataset: Dataset
  records: SequenceRecord[]
  /** Folder with the results that were scored. */
  results: string
  /** Sequences that an earlier run had finished. */
  resumed: number
  /** Sequences that failed (lenient). */
  failed: string[]
  problems: Problem[]
}

const MODEL_JOBS = 2

async function stateOf(dataset: Dataset, sequence: Sequence, root: string): Promise<ResultState> {
  const state = { files: 0, bytes: 0, newest: 0 }
  for (const { folder } of resultParts(dataset, sequence)) {
    for (const name of (await listFolder(join(root, folder))) ?? []) {
      const { size, mtimeMs } = await stat(join(root, folder, name))
      state.files++
      state.bytes += size
      state.newest = Math.max(state.newest, mtimeMs)
    }
  }
  return state
}

/** Frames to go through: of every sentence where models run, of every result folder else. */
function framesOf(dataset: Dataset, sequence: Sequence, predict: boolean): number {
  const { frames, expressions } = sequence
  if (predict) return frames.length * Math.max(1, expressions.length)
  return resultParts(dataset, sequence).reduce((sum, part) => sum + part.frames.length, 0)
}

const hasTruth = ({ objects, labels }: Sequence) => Boolean(objects ?? labels)

/** One run over a data set: what is to do, what is done, and how. */
class EvaluationRun {
  readonly #dataset: Dataset
  readonly #problems: Problems
  readonly #options: EvaluateOptions
  readonly #folder: RunFolder<SequenceRecord>
  readonly #pool: ScorePool
  readonly #results: string
  readonly records = new Map<string, SequenceRecord>()
  readonly failed: string[] = []
  #framesDone = 0
  #frameCount = 0

  constructor(
    dataset: Dataset,
    problems: Problems,
    options: EvaluateOptions,
    folder: RunFolder<SequenceRecord>,
    pool: ScorePool,
    results: string,
  ) {
    this.#dataset = dataset
    this.#problems = problems
    this.#options = options
    this.#folder = folder
    this.#pool = pool
    this.#results = results
  }

  /** Takes what an earlier run finished, unless its results have changed since. */
  async resume(): Promise<Sequence[]> {
    const open: Sequence[] = []
    for (const sequence of this.#dataset.sequences) {
      const record = await this.#folder.read(sequence.id)
      if (record && (await this.#stillGood(sequence, record))) {
        this.records.set(sequence.id, record)
      } else open.push(sequence)
    }
    this.#frameCount = open.reduce((sum, next) => sum + this.#framesOf(next), 0)
    return open
  }

  /** Results that changed are scored again, and so is what only a lenient run let pass. */
  async #stillGood(sequence: Sequence, record: SequenceRecord): Promise<boolean> {
    if (!this.#problems.lenient && record.problems.length > 0) return false
    const state = await stateOf(this.#dataset, sequence, this.#results)
    return JSON.stringify(record.results) === JSON.stringify(state)
  }

  #framesOf(sequence: Sequence): number {
    return framesOf(this.#dataset, sequence, this.#options.predict !== undefined)
  }

  async work(sequence: Sequence): Promise<void> {
    if (this.#options.signal?.aborted) throw new AbortedError()
    try {
      const record = await this.#record(sequence)
      await this.#folder.write(sequence.id, record)
      this.records.set(sequence.id, record)
    } catch (error) {
      this.#fail(sequence, error)
    }
    if (!this.#options.predict) this.#advance(this.#framesOf(sequence))
  }

  #advance(frames: number): void {
    this.#framesDone += frames
    this.#options.onProgress?.({ framesDone: this.#framesDone, frameCount: this.#frameCount })
  }

  async #record(sequence: Sequence): Promise<SequenceRecord> {
    const { predict } = this.#options
    const results = this.#results
    const time = await predict?.(sequence, results, () => this.#advance(1))
    const score = hasTruth(sequence)
      ? await this.#pool.score(this.#dataset, sequence.id, results, this.#problems.lenient)
      : { id: sequence.id, items: [], problems: [] }
    const frames = this.#framesOf(sequence)
    const state = await stateOf(this.#dataset, sequence, results)
    return { ...score, frames, results: state, ...(time ? { time } : {}) }
  }

  /** A sequence whose own files cannot be read is left out when lenient, and tried again next time. */
  #fail(sequence: Sequence, error: unknown): void {
    if (!this.#problems.lenient) throw error
    if (error instanceof DatasetError) this.#problems.take(error)
    else if (error instanceof DecodeError) {
      this.#problems.report('corrupt', sequence.pictures[0] ?? sequence.id, error.message)
    } else throw error
    this.failed.push(sequence.id)
  }
}

/**
 * Scores a folder of results, or runs models on a data set and scores what they say. Finished
 * sequences are kept in the output folder; after an interruption the same call goes on with the
 * others.
 *
 * @param problems strict or lenient; takes the faults of files.
 * @throws DATASET_INVALID (strict), INVALID_ARGUMENT, ABORTED; what is finished is kept.
 */
export async function evaluateDataset(
  whole: Dataset,
  problems: Problems,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { output, settings, predict, jobs, restart, signal, only } = options
  const dataset = only
    ? { ...whole, sequences: whole.sequences.filter(({ id }) => only.includes(id)) }
    : whole
  const results = options.results ?? join(output, 'predictions')
  if (predict === undefined && !dataset.sequences.some(hasTruth)) {
    const { title, split } = dataset
    throw new InvalidArgumentError(
      `${title} ${split} has no ground truth here, so results cannot be scored`,
    )
  }
  if (!predict) {
    if ((await listFolder(results)) === null) {
      throw new DatasetError('missing', results, 'no such folder of results')
    }
    await checkExtraResults(results, whole, problems)
  }
  const folder = await RunFolder.open<SequenceRecord>(output, settings, restart)
  await using pool = new ScorePool(jobs)
  const run = new EvaluationRun(dataset, problems, options, folder, pool, results)
  const open = await run.resume()
  const resumed = run.records.size
  await eachOf(open, predict ? jobs || MODEL_JOBS : pool.jobs, sequence => run.work(sequence))
  if (signal?.aborted) throw new AbortedError()
  const records = dataset.sequences.flatMap(({ id }) => run.records.get(id) ?? [])
  const found = [...problems.list, ...records.flatMap(record => record.problems)]
  return { dataset, records, results, resumed, failed: run.failed, problems: found }
}
