import { join } from 'node:path'
import type { LabelMap, ResultPart, Sequence } from '../datasets/dataset.js'
import { checkSize, listFolder, readLabelFile } from '../datasets/files.js'
import type { Problems } from '../datasets/problems.js'
import { resultFile } from '../datasets/results.js'
import { DatasetError } from '../engine/errors.js'
import {
  countObjects,
  highestLabel,
  type LabelScores,
  scorePairedLabels,
  scoreSameLabels,
} from '../metrics/davis.js'
import type { FrameScores } from './score-frames.js'

/** Proposals of a sequence, at most, in the unsupervised task. */
const MOST_PROPOSALS = 20

/** A frame with its truth and its result. */
interface NamedPair {
  frame: string
  truth: LabelMap
  predicted: LabelMap
}

function emptyLike({ width, height }: LabelMap): LabelMap {
  return { data: new Uint8Array(width * height), width, height }
}

async function readResult(
  root: string,
  part: ResultPart,
  frame: string,
  truth: LabelMap,
  most: { label: number; rule: string },
): Promise<LabelMap> {
  const path = join(root, resultFile(part, frame))
  const result = await readLabelFile(path)
  checkSize(path, result, truth)
  const label = highestLabel(result)
  if (label <= most.label) return result
  throw new DatasetError('corrupt', path, `label ${label}: ${most.rule}`)
}

/** Reads what is there; a result that is not there or broken counts as empty (lenient). */
async function readPairs(
  sequence: Sequence,
  part: ResultPart,
  root: string,
  problems: Problems,
  frames: readonly string[],
  most: { label: number; rule: string },
): Promise<NamedPair[]> {
  const pairs: NamedPair[] = []
  for (const frame of frames) {
    const truth = await sequence.labels!(frame).catch(error => problems.take(error))
    if (!truth) continue
    const predicted = await readResult(root, part, frame, truth, most).catch(error => {
      problems.take(error)
      return emptyLike(truth)
    })
    pairs.push({ frame, truth, predicted })
  }
  return pairs
}

const named = (scores: readonly LabelScores[], pairs: readonly NamedPair[]): FrameScores[] =>
  scores.map(({ j, f }) => ({ frames: pairs.map(({ frame }) => frame), j, f }))

/**
 * DAVIS 2017, semi-supervised: result label k against object k, without the first and the last
 * frame; no pixel is void.
 */
export async function scoreSemiSupervised(
  sequence: Sequence,
  part: ResultPart,
  root: string,
  problems: Problems,
): Promise<FrameScores[]> {
  const objects = countObjects(await sequence.labels!(sequence.frames[0]!))
  const most = { label: objects, rule: `the sequence has ${objects} objects` }
  const frames = sequence.frames.slice(1, -1)
  const pairs = await readPairs(sequence, part, root, problems, frames, most)
  return named(scoreSameLabels(pairs, objects), pairs)
}

/**
 * DAVIS 2017, unsupervised: proposals and objects are paired one to one for the largest sum of
 * (mean J + mean F) / 2; all frames count, void pixels are left out. Objects are in the order of
 * their proposals, as the reference names them.
 */
export async function scoreUnsupervised(
  sequence: Sequence,
  part: ResultPart,
  root: string,
  problems: Problems,
): Promise<FrameScores[]> {
  const most = { label: MOST_PROPOSALS, rule: `${MOST_PROPOSALS} proposals are allowed` }
  const objects = countObjects(await sequence.labels!(sequence.frames[0]!))
  const pairs = await readPairs(sequence, part, root, problems, sequence.frames, most)
  return named(scorePairedLabels(pairs, objects), pairs)
}

/** Whether the folder of a label-map result is there; reported where not. */
export async function hasResults(
  root: string,
  part: ResultPart,
  problems: Problems,
): Promise<boolean> {
  const folder = join(root, part.folder)
  if ((await listFolder(folder)) !== null) return true
  problems.report('missing', folder, 'no results for this sequence')
  return false
}
