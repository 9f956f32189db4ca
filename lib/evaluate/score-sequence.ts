import { join } from 'node:path'
import type { Dataset, Expression, ObjectMasks, ResultPart, Sequence } from '../datasets/dataset.js'
import { checkSize, listFolder, readMaskFile } from '../datasets/files.js'
import { type Problem, Problems } from '../datasets/problems.js'
import { resultFile, resultParts } from '../datasets/results.js'
import { InvalidArgumentError } from '../engine/errors.js'
import type { ScoredMask } from '../metrics/masks.js'
import { addFrame, type FrameScores, noScores } from './score-frames.js'
import { hasResults, scoreSemiSupervised, scoreUnsupervised } from './score-labels.js'

/** One thing that the data set's score is a mean over: a sentence, or an object of a label map. */
export interface ItemScore extends FrameScores {
  /** Sentence, or object; with its annotation for Ref-DAVIS17. */
  id: string
  text?: string
  kind?: string
}

export interface SequenceScore {
  id: string
  subset?: string
  items: ItemScore[]
  problems: Problem[]
}

/** What a sentence names, as one mask. */
export function unionOfObjects({ width, height, masks }: ObjectMasks): ScoredMask {
  const [first, ...others] = masks
  const data = first?.slice() ?? new Uint8Array(width * height)
  for (const mask of others) for (let i = 0; i < data.length; i++) data[i]! |= mask[i]!
  return { data, width, height }
}

/** A sentence without any result: left out, or 0 on every frame (docs/spec/evaluation.md 4.5 to 4.7). */
function withoutResults(dataset: Dataset, { frames }: Expression): FrameScores | null {
  if (dataset.name === 'reason-vos') return null
  const zeros = frames.map(() => 0)
  return { frames: [...frames], j: zeros, f: zeros }
}

async function scoreSentenceFrame(
  sequence: Sequence,
  part: ResultPart,
  frame: string,
  scores: FrameScores,
  { root, problems }: { root: string; problems: Problems },
): Promise<void> {
  const objects = await sequence.objects!(part.expression!, frame).catch(error =>
    problems.take(error),
  )
  if (!objects) return
  const path = join(root, resultFile(part, frame))
  let predicted: ScoredMask | undefined
  try {
    predicted = await readMaskFile(path)
    // A video without any annotated object has no size of its own.
    if (objects.width > 0) checkSize(path, predicted, objects)
  } catch (error) {
    problems.take(error)
    predicted = undefined
  }
  const { width, height } = objects.width > 0 ? objects : (predicted ?? objects)
  const truth = unionOfObjects({ ...objects, width, height })
  addFrame(scores, frame, truth, predicted ?? unionOfObjects({ width, height, masks: [] }))
}

async function scoreSentences(
  dataset: Dataset,
  sequence: Sequence,
  root: string,
  problems: Problems,
): Promise<ItemScore[]> {
  const items: { part: ResultPart; scores: FrameScores }[] = []
  const done: ItemScore[] = []
  const name = ({ id, text, kind }: Expression) => ({ id, text, ...(kind ? { kind } : {}) })
  for (const part of resultParts(dataset, sequence)) {
    const expression = part.expression!
    const folder = join(root, part.folder)
    if ((await listFolder(folder)) !== null) {
      items.push({ part, scores: noScores() })
      continue
    }
    problems.report('missing', folder, `no results for the sentence "${expression.text}"`)
    const scores = withoutResults(dataset, expression)
    if (scores) done.push({ ...name(expression), ...scores })
  }
  // Frame by frame, so that what the sentences share is read once.
  for (const frame of sequence.frames) {
    for (const { part, scores } of items) {
      if (!part.expression!.frames.includes(frame)) continue
      await scoreSentenceFrame(sequence, part, frame, scores, { root, problems })
    }
  }
  return [...done, ...items.map(({ part, scores }) => ({ ...name(part.expression!), ...scores }))]
}

async function scoreLabelMaps(
  dataset: Dataset,
  sequence: Sequence,
  root: string,
  problems: Problems,
): Promise<ItemScore[]> {
  const semi = dataset.protocol === 'semi_supervised'
  const score = semi ? scoreSemiSupervised : scoreUnsupervised
  const items: ItemScore[] = []
  for (const part of resultParts(dataset, sequence)) {
    // Without any result the frames count as empty; one report says so for all of them.
    const found = await hasResults(root, part, problems)
    const annotation = dataset.protocol === 'four_annotations' ? part.folder.split('/')[0]! : ''
    const objects = await score(sequence, part, root, found ? problems : new Problems(true))
    for (const [i, scores] of objects.entries()) {
      items.push({ id: annotation ? `${annotation}/${i + 1}` : String(i + 1), ...scores })
    }
  }
  return items
}

/**
 * Scores one sequence of a folder of results by the data set's protocol.
 *
 * @param root folder in the layout of `resultParts`.
 * @throws DATASET_INVALID naming the file, unless lenient; INVALID_ARGUMENT without ground truth.
 */
export async function scoreSequence(
  dataset: Dataset,
  sequence: Sequence,
  root: string,
  lenient = false,
): Promise<SequenceScore> {
  const problems = new Problems(lenient)
  const sentences = dataset.protocol === 'per_expression'
  if (!(sentences ? sequence.objects : sequence.labels)) {
    throw new InvalidArgumentError(
      `${sequence.id}: ${dataset.title} ${dataset.split} has no ground truth here, so it cannot be scored`,
    )
  }
  const score = sentences ? scoreSentences : scoreLabelMaps
  const items = await score(dataset, sequence, root, problems)
  const { id, subset } = sequence
  return { id, ...(subset ? { subset } : {}), items, problems: problems.list }
}
