import type { LabelMap } from '../datasets/dataset.js'
import { InvalidArgumentError } from '../engine/errors.js'
import { assign } from '../ground/assign.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { type MaskScore, type MaskScoreOptions, type ScoredMask, scoreLabels } from './masks.js'
import { meanOf } from './statistics.js'

/** The label that stands for "not annotated". */
export const VOID_LABEL = 255

/** J and F of one object, one value per scored frame. */
export interface LabelScores {
  j: number[]
  f: number[]
}

/** An object and the proposal that was paired with it. */
export interface PairedLabelScores extends LabelScores {
  object: number
  proposal: number
}

export type DavisOptions = Pick<MaskScoreOptions, 'bound'>

export interface ProposalOptions extends DavisOptions {
  /** Highest label that a result may have. Default 20. */
  maxProposals?: number
}

/** A frame's truth and result. Null is a result without any object. */
export interface LabelPair {
  truth: LabelMap
  predicted: LabelMap | null
}

/** The mask of one label. */
export function labelMask({ data, width, height }: LabelMap, label: number): ScoredMask {
  const mask = new Uint8Array(data.length)
  for (let at = 0; at < data.length; at++) mask[at] = data[at] === label ? 1 : 0
  return { data: mask, width, height }
}

function highestBelow(map: LabelMap | null, limit: number): number {
  const data = map?.data ?? new Uint8Array(0)
  let highest = 0
  for (let at = 0; at < data.length; at++) {
    const label = data[at]!
    if (label > highest && label < limit) highest = label
  }
  return highest
}

/** Highest label of a result. */
export const highestLabel = (map: LabelMap | null): number => highestBelow(map, 256)

/** Objects of a sequence: the highest label of its first truth frame, void aside. */
export const countObjects = (first: LabelMap): number => highestBelow(first, VOID_LABEL)

const noScores = (): LabelScores => ({ j: [], f: [] })

function add(scores: LabelScores, { j, f }: MaskScore): void {
  scores.j.push(j)
  scores.f.push(f)
}

const DAVIS_OPTIONS: OptionNames<DavisOptions> = { bound: true }
const PROPOSAL_OPTIONS: OptionNames<ProposalOptions> = { ...DAVIS_OPTIONS, maxProposals: true }

/** Result label k against object k on the given frames; no pixel is void. */
export function scoreSameLabels(
  pairs: readonly LabelPair[],
  objects: number,
  options: DavisOptions = {},
): LabelScores[] {
  const all = Array.from({ length: objects }, noScores)
  const labels = { truthLabels: objects, predictedLabels: objects }
  for (const { truth, predicted } of pairs) {
    const scores = scoreLabels(truth, predicted, labels, options.bound)
    for (const [i, score] of scores.entries()) add(all[i]!, score)
  }
  return all
}

/**
 * Result labels paired with objects one to one for the largest sum of (mean J + mean F) / 2, void
 * pixels left out. In the order of the proposals, as the reference names objects.
 */
export function scorePairedLabels(
  pairs: readonly LabelPair[],
  objects: number,
  options: DavisOptions = {},
): PairedLabelScores[] {
  const proposals = Math.max(objects, ...pairs.map(({ predicted }) => highestLabel(predicted)))
  const labels = {
    truthLabels: objects,
    predictedLabels: proposals,
    all: true,
    ignoredLabel: VOID_LABEL,
  }
  // [proposal][object]
  const table = Array.from({ length: proposals }, () => Array.from({ length: objects }, noScores))
  for (const { truth, predicted } of pairs) {
    const scores = scoreLabels(truth, predicted, labels, options.bound)
    for (const [i, score] of scores.entries()) {
      add(table[Math.floor(i / objects)]![i % objects]!, score)
    }
  }
  const value = ({ j, f }: LabelScores) => ((meanOf(j) ?? 0) + (meanOf(f) ?? 0)) / 2
  const paired = assign(table.map(row => row.map(scores => -value(scores))))
  return paired.flatMap((object, proposal) => {
    if (object < 0) return []
    return [{ ...table[proposal]![object]!, object: object + 1, proposal: proposal + 1 }]
  })
}

function pairUp(
  truth: readonly LabelMap[],
  predicted: readonly (LabelMap | null)[],
  most: number,
  rule: string,
): LabelPair[] {
  if (truth.length !== predicted.length) {
    throw new InvalidArgumentError(
      `expected a label map or null for each of the ${truth.length} frames, got ${predicted.length}`,
    )
  }
  const highest = Math.max(0, ...predicted.map(highestLabel))
  if (highest > most) {
    throw new InvalidArgumentError(`the result has label ${highest}, but ${rule}`)
  }
  return truth.map((map, frame) => ({ truth: map, predicted: predicted[frame]! }))
}

/**
 * The semi-supervised task of DAVIS 2017 for one sequence: result label k against truth label k,
 * the first and the last frame left out, label 255 is background. The objects are the labels of the
 * first truth frame, up to the highest.
 *
 * @param predicted one label map per frame, null for an empty prediction.
 * @returns one entry per object, in the order of the labels.
 * @throws INVALID_ARGUMENT for a result label above the number of objects, or sizes that differ.
 */
export function scoreSemiSupervised(
  truth: readonly LabelMap[],
  predicted: readonly (LabelMap | null)[],
  options: DavisOptions = {},
): LabelScores[] {
  checkOptions(DAVIS_OPTIONS, options, 'scoreSemiSupervised')
  const objects = truth[0] ? countObjects(truth[0]) : 0
  const inner = <T>(list: readonly T[]) => list.slice(1, -1)
  const rule = `the sequence has ${objects} objects`
  return scoreSameLabels(pairUp(inner(truth), inner(predicted), objects, rule), objects, options)
}

/**
 * The unsupervised task of DAVIS 2017 for one sequence: all frames, label 255 of the truth is left
 * out of everything, and result labels (proposals) are paired with objects one to one so that the
 * sum of their J&F is greatest. Proposals without a partner cost nothing, objects without one score
 * against an empty prediction.
 *
 * @param predicted one label map per frame, null for an empty prediction.
 * @returns one entry per object, in the order of the paired proposals as in the reference: the
 *   first belongs to the object that got the lowest proposal.
 * @throws INVALID_ARGUMENT for more proposals than allowed, or sizes that differ.
 */
export function scoreUnsupervised(
  truth: readonly LabelMap[],
  predicted: readonly (LabelMap | null)[],
  options: ProposalOptions = {},
): PairedLabelScores[] {
  checkOptions(PROPOSAL_OPTIONS, options, 'scoreUnsupervised')
  const { maxProposals = 20 } = options
  const rule = `at most ${maxProposals} proposals are allowed`
  const pairs = pairUp(truth, predicted, maxProposals, rule)
  return scorePairedLabels(pairs, truth[0] ? countObjects(truth[0]) : 0, options)
}
