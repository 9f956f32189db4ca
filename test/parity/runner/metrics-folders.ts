import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dataset, DatasetName, LabelMap, Sequence } from '../../../lib/datasets/dataset.js'
import { readMaskFile } from '../../../lib/datasets/files.js'
import { type DatasetOptions, openDataset } from '../../../lib/datasets/open.js'
import { mergeMasks } from '../../../lib/datasets/results.js'
import { scoreSequence } from '../../../lib/evaluate/score-sequence.js'
import { decodePng, labelPalette } from '../../../lib/formats/png.js'
import {
  type LabelScores,
  scoreSemiSupervised,
  scoreUnsupervised,
} from '../../../lib/metrics/davis.js'
import { meanOf, type SequenceScores, totalScore } from '../../../lib/metrics/statistics.js'
import { drawMiniDatasets } from '../../support/mini-datasets.js'
import type { GoldenSet } from './golden.js'
import type { Report, Score } from './report.js'

const TOLERANCE = 1e-9

type ByName<T> = { [name: string]: T }

interface Means {
  J: number
  F: number
  JF: number
}

/** A task on label maps as the reference reports it: J_mean, J_recall, ..., JF_mean. */
interface LabelTask {
  J_per_object: ByName<number>
  F_per_object: ByName<number>
  [value: string]: number | ByName<number>
}

/** expected.json */
interface Expected {
  mevis: Means & { per_expression: ByName<[j: number, f: number]> }
  reasonvos: Means & { per_expression: ByName<[j: number, f: number]> }
  refytvos: { videos: string[] }
  refdavis: {
    four_annotations: Means & { annotations: LabelTask[] }
    semi_supervised: LabelTask[]
    per_expression: Means & { values: ByName<[j: number, f: number]> }
  }
  png: ByName<unknown>
}

/** Small data sets in their own folders, with results, through the readers of lib/datasets. */
export async function checkFolders(set: GoldenSet, report: Report): Promise<void> {
  if (!set.has('folders.json')) return await checkDatasets(set, set.folder, report)
  const root = await mkdtemp(join(tmpdir(), 'videomolmo-mini-'))
  try {
    await checkDatasets(set, await drawMiniDatasets(root), report)
  } finally {
    await rm(root, { recursive: true })
  }
}

async function checkDatasets(set: GoldenSet, root: string, report: Report): Promise<void> {
  const text = readFileSync(join(set.folder, 'expected.json'), 'utf8')
  const { mevis, reasonvos, refdavis, refytvos, png } = JSON.parse(text) as Expected
  await checkSentences(root, report, 'mevis', 'mevis/results', mevis, mevis.per_expression)
  const reason = reasonvos.per_expression
  await checkSentences(root, report, 'reason-vos', 'reasonvos/results', reasonvos, reason)
  const each = refdavis.per_expression
  const options = { protocol: 'per_expression' } as const
  const masks = 'refdavis/per_expression'
  await checkSentences(root, report, 'ref-davis17', masks, each, each.values, options)
  await checkLabelTasks(root, report, refdavis)
  const { sequences } = await openDataset('ref-youtube-vos', join(root, 'refytvos'))
  const videos = sequences.map(({ id }) => id).sort()
  report.check('ref-youtube-vos videos', videos.join() === refytvos.videos.toSorted().join())
  report.exact('palette', labelPalette())
  for (const name of Object.keys(png)) {
    const file = join(root, 'png', `${name}.png`)
    report.exact(`png.${name}`, decodePng(readFileSync(file), file).data)
  }
}

/** Data set, video and sentence as the set names them. */
function sentenceName(dataset: Dataset, sequence: Sequence, id: string): string {
  if (dataset.name !== 'reason-vos') return `${sequence.id}_${id}`
  const { objectId } = sequence.expressions.find(expression => expression.id === id)!
  return `${sequence.subset}_${sequence.id}_${objectId}_${id}`
}

/** Every sentence against its own masks, and the means over sentences. */
async function checkSentences(
  root: string,
  report: Report,
  name: DatasetName,
  where: string,
  means: Means,
  expected: ByName<[j: number, f: number]>,
  options?: DatasetOptions,
): Promise<void> {
  const [folder, below] = where.split('/') as [string, string]
  const dataset = await openDataset(name, join(root, folder), options)
  const found = new Map<string, SequenceScores>()
  for (const sequence of dataset.sequences) {
    const results = join(root, folder, below)
    const { items } = await scoreSequence(dataset, sequence, results, true)
    for (const item of items) found.set(sentenceName(dataset, sequence, item.id), item)
  }
  const names = Object.keys(expected).sort()
  report.check(`${name} sentences`, [...found.keys()].sort().join() === names.join())
  const score = (of: 'j' | 'f', at: 0 | 1) =>
    names.map((sentence): Score => {
      const actual = meanOf(found.get(sentence)?.[of] ?? [])
      return { of: sentence, actual, expected: expected[sentence]![at] }
    })
  report.scores(`${name} J of sentences`, score('j', 0), TOLERANCE)
  report.scores(`${name} F of sentences`, score('f', 1), TOLERANCE)
  checkMeans(report, name, [...found.values()], means)
}

function checkMeans(report: Report, name: string, all: readonly SequenceScores[], means: Means) {
  const { j, f, jf } = totalScore(all)
  const scores: Score[] = [
    { of: 'J', actual: j.mean, expected: means.J },
    { of: 'F', actual: f.mean, expected: means.F },
    { of: 'J&F', actual: jf, expected: means.JF },
  ]
  report.scores(`${name} means`, scores, TOLERANCE)
}

/** The masks of one annotation's sentences merged into label maps, one per frame. */
async function mergedMaps(root: string, sequence: Sequence, annotation: number) {
  const ids = sequence.expressions.map(({ id }) => id).filter(id => Number(id) % 4 === annotation)
  const folder = join(root, 'refdavis/per_expression', sequence.id)
  const read = async (frame: string): Promise<LabelMap> => {
    const masks = await Promise.all(ids.map(id => readMaskFile(join(folder, id, `${frame}.png`))))
    const { width, height } = masks[0]!
    return mergeMasks(
      masks.map(({ data }) => data),
      width,
      height,
    )
  }
  return await Promise.all(sequence.frames.map(read))
}

/** Ref-DAVIS17 by four annotations, and the same label maps under the semi-supervised task. */
async function checkLabelTasks(
  root: string,
  report: Report,
  { four_annotations, semi_supervised }: Expected['refdavis'],
): Promise<void> {
  const davis = join(root, 'refdavis')
  const named = await openDataset('ref-davis17', davis)
  const semi = await openDataset('davis17', davis)
  const all: LabelScores[] = []
  for (const [annotation, wanted] of four_annotations.annotations.entries()) {
    const paired = new Map<string, LabelScores>()
    const same = new Map<string, LabelScores>()
    for (const sequence of named.sequences) {
      const maps = await mergedMaps(root, sequence, annotation)
      const pixels = Buffer.concat(maps.map(({ data }) => data))
      report.exact(`anno_${annotation}.${sequence.id}`, pixels)
      const unsupervised = await Promise.all(sequence.frames.map(sequence.labels!))
      for (const [i, scores] of scoreUnsupervised(unsupervised, maps).entries()) {
        paired.set(`${sequence.id}_${i + 1}`, scores)
      }
      const labels = semi.sequences.find(({ id }) => id === sequence.id)!.labels!
      const truth = await Promise.all(sequence.frames.map(labels))
      for (const [i, scores] of scoreSemiSupervised(truth, maps).entries()) {
        same.set(`${sequence.id}_${i + 1}`, scores)
      }
    }
    checkTask(report, `annotation ${annotation}, unsupervised`, paired, wanted)
    checkTask(
      report,
      `annotation ${annotation}, semi-supervised`,
      same,
      semi_supervised[annotation]!,
    )
    all.push(...paired.values())
  }
  checkMeans(report, 'four annotations', all, four_annotations)
}

function checkTask(
  report: Report,
  name: string,
  found: ReadonlyMap<string, LabelScores>,
  wanted: LabelTask,
): void {
  const { j, f, jf } = totalScore([...found.values()])
  const scores: Score[] = [{ of: 'JF_mean', actual: jf, expected: wanted.JF_mean as number }]
  for (const [letter, total] of [
    ['J', j],
    ['F', f],
  ] as const) {
    for (const value of ['mean', 'recall', 'decay'] as const) {
      const key = `${letter}_${value}`
      scores.push({ of: key, actual: total[value], expected: wanted[key] as number })
    }
  }
  for (const [object, expected] of Object.entries(wanted.J_per_object)) {
    const [actual, other] = [found.get(object)?.j, found.get(object)?.f]
    scores.push({ of: `${object} J`, actual: meanOf(actual ?? []), expected })
    const expectedF = wanted.F_per_object[object]!
    scores.push({ of: `${object} F`, actual: meanOf(other ?? []), expected: expectedF })
  }
  report.scores(name, scores, TOLERANCE)
}
