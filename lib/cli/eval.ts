import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { writeArchive } from '../datasets/archive.js'
import type { Dataset, DatasetName, Protocol } from '../datasets/dataset.js'
import { DATASETS, openDataset } from '../datasets/open.js'
import { Problems } from '../datasets/problems.js'
import { AbortedError, InvalidArgumentError } from '../engine/errors.js'
import { followSequence, type PredictOptions, predictSequence } from '../evaluate/predict.js'
import { type Evaluation, evaluateDataset, type Predict } from '../evaluate/run.js'
import { writeWhole } from '../formats/files.js'
import { toCsv } from '../formats/table.js'
import { TRACKING, type Tracking } from '../ground/clip-segmenter.js'
import { FUSION_STRATEGIES, type FusionStrategy } from '../ground/options.js'
import { VideoMolmo } from '../ground/videomolmo.js'
import type { FloatDtype } from '../load/settings.js'
import { davisTables, describeEvaluation } from '../reports/eval-tables.js'
import { renderReport } from '../reports/html-report.js'
import { type Summary, summarize } from '../reports/summary.js'
import { worstFrames } from '../reports/worst-frames.js'
import { Segmenter } from '../segment/segmenter.js'
import type { CommandContext } from './context.js'
import { modelSettings } from './model-settings.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  parseNumber,
  withJson,
  withModelOptions,
} from './options.js'
import { ProgressBar } from './progress.js'

export interface DatasetFlags {
  root: string
  split?: string
  protocol?: Protocol
  lenient?: boolean
  sequences?: string[]
  limit?: number
}

interface EvalFlags extends ModelFlags, DatasetFlags {
  pred?: string
  tracking?: Tracking
  keyframeEvery?: number
  tau?: number
  strategy?: FusionStrategy
  contextFrames?: number
  maxNewTokens?: number
  output?: string
  jobs: number
  restart?: boolean
  report?: string
  zip?: string
  json?: boolean
}

/** Options that say which part of which data set is read, and how strictly. */
export function withDatasetOptions(command: Command): Command {
  return command
    .argument('<dataset>', DATASETS.join(', '))
    .requiredOption('--root <folder>', 'the unpacked data set')
    .option('--split <name>', 'part of the data set')
    .option('--protocol <name>', 'how results are scored, where there is a choice')
    .option('--sequences <names>', 'these sequences only, between commas', text => text.split(','))
    .option('--limit <count>', 'the first sequences only', parseInteger)
    .option('--lenient', 'report faults of files and go on')
}

/** Opens the data set that the flags name; faults go to `problems`. */
export function openFlagged(
  name: string,
  { root, split, protocol }: DatasetFlags,
  problems: Problems,
): Promise<Dataset> {
  const choice = { ...(split ? { split } : {}), ...(protocol ? { protocol } : {}) }
  return openDataset(name as DatasetName, root, { ...choice, problems })
}

/** The sequences that the flags name, undefined for all. */
export function chosenSequences(
  { title, split, sequences }: Dataset,
  flags: DatasetFlags,
): string[] | undefined {
  if (flags.sequences === undefined && flags.limit === undefined) return undefined
  const ids = sequences.map(({ id }) => id)
  const unknown = flags.sequences?.find(id => !ids.includes(id))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`${title} ${split} has no sequence ${JSON.stringify(unknown)}`)
  }
  return ids.filter(id => flags.sequences?.includes(id) ?? true).slice(0, flags.limit)
}

export function addEvalCommand(program: Command, context: CommandContext): void {
  const command = withDatasetOptions(program.command('eval'))
    .description('scores results on a benchmark, or runs models on it and scores them')
    .option('--pred <folder>', 'results to score, in the layout that the benchmark takes')
    .option('-k, --keyframe-every <frames>', 'ask the pointer on every k-th frame', parseInteger)
    .option('--tau <iou>', 'IoU from which both directions are intersected', parseNumber)
    .addOption(
      new Option('--strategy <name>', 'how both directions become one').choices(FUSION_STRATEGIES),
    )
    .option('--context-frames <count>', 'previous frames for the pointer', parseInteger)
    .option('--max-new-tokens <count>', 'longest answer', parseInteger)
    .addOption(
      new Option('--tracking <how>', 'how SAM 2 follows objects between keyframes').choices(
        TRACKING,
      ),
    )
    .option('-o, --output <folder>', 'where the run is kept (default: out/eval-<dataset>)')
    .option(
      '--jobs <count>',
      'sequences at a time (default: one per core; with models 2)',
      parseInteger,
      0,
    )
    .option('--restart', 'begin again instead of going on')
    .option('--report <file>', 'also write an HTML report, one file that stands alone')
    .option('--zip <file>', 'also pack the results as the benchmark takes them')
  withJson(withModelOptions(command, ['pointer', 'segmenter'])).action(
    (name: string, flags: EvalFlags) => evaluate(name, flags, context),
  )
}

/** What the models are asked for; part of the run's settings. */
function predictOptions(flags: EvalFlags): PredictOptions {
  const { keyframeEvery, tau, strategy: fusion, contextFrames, maxNewTokens } = flags
  const given = { keyframeEvery, tau, fusion, contextFrames, maxNewTokens }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

interface Models extends AsyncDisposable {
  predict: Predict
}

async function loadModels(
  dataset: Dataset,
  flags: EvalFlags,
  signal: AbortSignal,
): Promise<Models> {
  const { pointer, segmenter, tracking } = flags
  const options = { ...predictOptions(flags), signal }
  if (dataset.protocol === 'unsupervised') {
    throw new InvalidArgumentError(`${dataset.title} has no sentences; score results with --pred`)
  }
  if (dataset.protocol === 'semi_supervised') {
    const model = await Segmenter.load(segmenter, loadOptions<FloatDtype>(flags, signal))
    return {
      predict: (sequence, results, onFrame) =>
        followSequence(model, dataset, sequence, results, { signal, onFrame }),
      [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
    }
  }
  const which = {
    ...(pointer ? { pointer } : {}),
    ...(segmenter ? { segmenter } : {}),
    ...(tracking ? { tracking } : {}),
  }
  const vm = await VideoMolmo.load({ ...which, ...loadOptions(flags, signal) })
  const subject = { models: vm.models, previousFrames: vm.pointer.previousFrames }
  return {
    predict: (sequence, results, onFrame) =>
      predictSequence(subject, dataset, sequence, results, { ...options, onFrame }),
    [Symbol.asyncDispose]: () => vm[Symbol.asyncDispose](),
  }
}

/** Everything that makes two runs different ones. */
async function runSettings(dataset: Dataset, flags: EvalFlags) {
  const { name, root, split, protocol } = dataset
  const about = { dataset: name, root, split, protocol }
  const { pred, tracking } = flags
  if (pred !== undefined) return { ...about, pred }
  return { ...about, ...(await modelSettings(flags)), tracking, ...predictOptions(flags) }
}

/** The DAVIS tasks have tables of their own. */
async function writeTables(
  folder: string,
  evaluation: Evaluation,
  summary: Summary,
): Promise<string[]> {
  const { protocol, split } = evaluation.dataset
  if (protocol === 'per_expression' || summary.jf === null) return []
  const [global, each] = davisTables(evaluation, summary).map(toCsv)
  const paths = ['global_results', 'per-sequence_results'].map(name =>
    join(folder, `${name}-${split}.csv`),
  )
  await writeWhole(paths[0]!, global!)
  await writeWhole(paths[1]!, each!)
  return paths
}

async function evaluate(name: string, flags: EvalFlags, context: CommandContext): Promise<void> {
  const { print, signal } = context
  const problems = new Problems(flags.lenient)
  if (flags.pred !== undefined && (flags.pointer ?? flags.segmenter) !== undefined) {
    throw new InvalidArgumentError('--pred scores results that are there; leave the models out')
  }
  const dataset = await openFlagged(name, flags, problems)
  const only = chosenSequences(dataset, flags)
  const output = flags.output ?? join('out', `eval-${dataset.name}`)
  await using models = flags.pred === undefined ? await loadModels(dataset, flags, signal) : null
  const settings = await runSettings(dataset, flags)
  const bar = new ProgressBar(!flags.json)
  let evaluation: Evaluation
  try {
    evaluation = await evaluateDataset(dataset, problems, {
      output,
      settings,
      ...(models ? { predict: models.predict } : { results: flags.pred! }),
      ...(only ? { only } : {}),
      jobs: flags.jobs,
      restart: flags.restart ?? false,
      signal,
      onProgress: bar.update,
    })
  } catch (error) {
    if (error instanceof AbortedError) context.note(keptNote(output))
    throw error
  } finally {
    bar.stop()
  }
  const summary = summarize(evaluation)
  const files = await writeTables(output, evaluation, summary)
  await writeWhole(join(output, 'scores.json'), `${JSON.stringify(scores(evaluation, summary))}\n`)
  if (flags.report !== undefined) {
    const worst = await worstFrames(evaluation)
    await writeWhole(flags.report, renderReport(evaluation, summary, worst, settings))
    files.push(flags.report)
  }
  if (flags.zip !== undefined) {
    await writeArchive(evaluation.results, evaluation.dataset, flags.zip, problems)
    files.push(flags.zip)
  }
  if (flags.json) print(JSON.stringify(scores(evaluation, summary)))
  else print([describeEvaluation(evaluation, summary), '', evaluation.results, ...files].join('\n'))
}

/** What an interrupted run leaves behind. */
export const keptNote = (output: string) =>
  `interrupted; finished sequences are kept in ${output}, and the same command goes on with the others`

/** The machine-readable result. */
function scores(evaluation: Evaluation, summary: Summary) {
  const { dataset, results, resumed, failed, problems } = evaluation
  const { name, split, protocol } = dataset
  return { dataset: name, split, protocol, ...summary, results, resumed, failed, problems }
}
