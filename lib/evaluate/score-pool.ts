import { availableParallelism } from 'node:os'
import Tinypool from 'tinypool'
import type { Dataset } from '../datasets/dataset.js'
import { DatasetError, type ErrorCode, VideoMolmoError } from '../engine/errors.js'
import type { SequenceScore } from './score-sequence.js'
import type { ScoreAnswer, ScoreTask } from './score-worker.js'

/** Threads that score sequences beside each other. */
export class ScorePool implements AsyncDisposable {
  readonly jobs: number
  readonly #pool: Tinypool

  /** @param jobs threads; 0: one per core. */
  constructor(jobs = 0) {
    this.jobs = jobs || availableParallelism()
    this.#pool = new Tinypool({
      filename: new URL('./score-worker.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: this.jobs,
    })
  }

  /** As `scoreSequence`, in a thread. */
  async score(
    dataset: Dataset,
    sequence: string,
    results: string,
    lenient: boolean,
  ): Promise<SequenceScore> {
    const { name, root, split, protocol } = dataset
    const task: ScoreTask = { name, root, split, protocol, lenient, sequence, results }
    const answer = (await this.#pool.run(task)) as ScoreAnswer
    if ('score' in answer) return answer.score
    const { code, message, fault, path } = answer.fault
    if (fault === undefined) throw new VideoMolmoError(code as ErrorCode, message)
    throw new DatasetError(fault, path!, message.slice(path!.length + 2))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }
}
