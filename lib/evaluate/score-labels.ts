import { join } from 'node:path'
import type { LabelMap, ResultPart, Sequence } from '../datasets/dataset.js'
import { checkSize, listFolder, readLabelFile } from '../datasets/files.js'
import type { Problems } from '../datasets/problems.js'
import { resultFile } from '../datasets/results.js'
import { DatasetError } from '../engine/errors.js'
import { assign } from '../ground/assign.js'
import { addFrame, type FrameScores, noScores } from './score-frames.js'
import { meanOf } from './statistics.js'

const VOID = 255
/** Proposals of a sequence, at most, in the unsupervised task. */
const MOST_PROPOSALS = 20

/** A frame with its truth and its result; void pixels are background in both. */
interface LabelPair {
  frame: string
  truth: LabelMap
  predicted: LabelMap
  ignored?: Uint8Array
}

const withoutVoid = (map: LabelMap): LabelMap => ({
  ...map,
  data: map.data.map(label => (label === VOID ? 0 : label)),
})

const highest = (data: Uint8Array) => data.reduce((most, label) => Math.max(most, label), 0)

function emptyLike({ width, height }: LabelMap): LabelMap {
  return { data: new Uint8Array(width * height), width, height }
}

function binary({ data, width, height }: LabelMap, label: number) {
  return { data: data.map(value => +(value === label)), width, height }
}

async function readResult(
  root: string,
  part: ResultPart,
  frame: string,
  truth: LabelMap,
  most: { label: number; rule: string },
): Promise<LabelMap> {
  const path = join(root, resultFile(part, frame))
  const result = withoutVoid(await readLabelFile(path))
  checkSize(path, result, truth)
  const label = highest(result.data)
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
): Promise<LabelPair[]> {
  const pairs: LabelPair[] = []
  for (const frame of frames) {
    const truth = await sequence.labels!(frame).catch(error => problems.take(error))
    if (!truth) continue
    const predicted = await readResult(root, part, frame, truth, most).catch(error => {
      problems.take(error)
      return emptyLike(truth)
    })
    const ignored = truth.data.includes(VOID) ? truth.data.map(v => +(v === VOID)) : null
    pairs.push({ frame, truth, predicted, ...(ignored ? { ignored } : {}) })
  }
  return pairs
}

/** Objects of a sequence: the highest label of its first frame, void aside. */
async function countObjects(sequence: Sequence): Promise<number> {
  const first = await sequence.labels!(sequence.frames[0]!)
  return highest(withoutVoid(first).data)
}

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
  const objects = await countObjects(sequence)
  const most = { label: objects, rule: `the sequence has ${objects} objects` }
  const frames = sequence.frames.slice(1, -1)
  const pairs = await readPairs(sequence, part, root, problems, frames, most)
  return Array.from({ length: objects }, (_, i) => {
    const scores = noScores()
    for (const { frame, truth, predicted } of pairs) {
      addFrame(scores, frame, binary(truth, i + 1), binary(predicted, i + 1))
    }
    return scores
  })
}

function scorePair(pairs: readonly LabelPair[], object: number, proposal: number): FrameScores {
  const scores = noScores()
  for (const { frame, truth, predicted, ignored } of pairs) {
    addFrame(scores, frame, binary(truth, object), binary(predicted, proposal), ignored)
  }
  return scores
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
  const objects = await countObjects(sequence)
  const pairs = await readPairs(sequence, part, root, problems, sequence.frames, most)
  const labels = pairs.map(({ predicted }) => highest(predicted.data))
  const proposals = Math.max(objects, ...labels)
  const table = Array.from({ length: proposals }, (_, p) =>
    Array.from({ length: objects }, (_, o) => scorePair(pairs, o + 1, p + 1)),
  )
  const value = ({ j, f }: FrameScores) => ((meanOf(j) ?? 0) + (meanOf(f) ?? 0)) / 2
  const paired = assign(table.map(line => line.map(scores => -value(scores))))
  return paired.flatMap((object, proposal) => (object >= 0 ? [table[proposal]![object]!] : []))
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
