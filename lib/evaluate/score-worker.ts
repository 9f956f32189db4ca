import type { Dataset, DatasetName, Protocol } from '../datasets/dataset.js'
import { openDataset } from '../datasets/open.js'
import { Problems } from '../datasets/problems.js'
import { DatasetError, type DatasetFault, VideoMolmoError } from '../engine/errors.js'
import { type SequenceScore, scoreSequence } from './score-sequence.js'

/** What a scoring thread is asked: one sequence of a folder of results. */
export interface ScoreTask {
  name: DatasetName
  root: string
  split: string
  protocol: Protocol
  lenient: boolean
  sequence: string
  results: string
}

/** Errors cross threads as plain objects, or they would lose their class. */
export type ScoreAnswer =
  | { score: SequenceScore }
  | { fault: { code: string; message: string; fault?: DatasetFault; path?: string } }

let opened: { key: string; dataset: Promise<Dataset> } | null = null

function datasetOf({ name, root, split, protocol, lenient }: ScoreTask): Promise<Dataset> {
  const key = JSON.stringify([name, root, split, protocol])
  if (opened?.key !== key) {
    const options = { split, protocol, problems: new Problems(lenient) }
    opened = { key, dataset: openDataset(name, root, options) }
  }
  return opened.dataset
}

/** Runs in a worker thread; each thread opens the data set once. */
export default async function score(task: ScoreTask): Promise<ScoreAnswer> {
  try {
    const dataset = await datasetOf(task)
    const sequence = dataset.sequences.find(({ id }) => id === task.sequence)!
    return { score: await scoreSequence(dataset, sequence, task.results, task.lenient) }
  } catch (error) {
    if (!(error instanceof VideoMolmoError)) throw error
    const { code, message } = error
    const place = error instanceof DatasetError ? { fault: error.fault, path: error.path } : {}
    return { fault: { code, message, ...place } }
  }
}
