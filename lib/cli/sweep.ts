import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, Option, InvalidArgumentError as WrongValue } from 'commander'
import { Problems } from '../datasets/problems.js'
import { AbortedError, InvalidArgumentError } from '../engine/errors.js'
import { runSweep, type Sweep } from '../evaluate/sweep.js'
import {
  PAPER_SWEEP,
  SWEEP_TABLES,
  type SweepChoices,
  sweepTables,
  type Variant,
} from '../evaluate/sweep-tables.js'
import { type TrialModels, trialModels } from '../evaluate/trial.js'
import { writeWhole } from '../formats/files.js'
import { toText } from '../formats/table.js'
import { FUSION_STRATEGIES, type FusionStrategy } from '../ground/options.js'
import { VideoMolmo } from '../ground/videomolmo.js'
import { readCheckpoint } from '../hub/checkpoint.js'
import { EMBEDDED } from '../load/settings.js'
import {
  sweepCsv,
  sweepHtml,
  sweepMarkdown,
  sweepResults,
  sweepTexts,
} from '../reports/sweep-report.js'
import type { CommandContext } from './context.js'
import {
  chosenSequences,
  type DatasetFlags,
  keptNote,
  openFlagged,
  withDatasetOptions,
} from './eval.js'
import { modelSettings } from './model-settings.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  parseNumbers,
  withJson,
  withModelOptions,
} from './options.js'
import { ProgressBar } from './progress.js'

interface SweepFlags extends ModelFlags, DatasetFlags {
  tables: string[]
  keyframeEvery?: number
  k?: number[]
  tau?: number[]
  context?: number[]
  points?: number[]
  strategies?: FusionStrategy[]
  dtypes?: string[]
  segmenters?: string[]
  sentences?: number
  timed: number
  output?: string
  restart?: boolean
  report?: string
  json?: boolean
}

const names = (text: string) => text.split(',').filter(name => name !== '')

/** Sampling rates; `T` asks on the first frame only. */
const rates = (text: string) =>
  names(text).map(name => (/^\|?T\|?$/.test(name) ? Number.POSITIVE_INFINITY : parseInteger(name)))

function strategies(text: string): FusionStrategy[] {
  const wrong = names(text).find(name => !FUSION_STRATEGIES.includes(name as FusionStrategy))
  if (wrong === undefined) return names(text) as FusionStrategy[]
  throw new WrongValue(`expected some of ${FUSION_STRATEGIES.join(', ')}.`)
}

export function addSweepCommand(program: Command, context: CommandContext): void {
  const command = withDatasetOptions(program.command('sweep'))
    .description("makes the paper's tables on settings for any data set and models")
    .addOption(
      new Option('--tables <list>', `some of ${SWEEP_TABLES.join(', ')}`)
        .argParser(names)
        .default(PAPER_SWEEP, 'those of the paper'),
    )
    .option('--keyframe-every <frames>', 'sampling rate of the other tables', parseInteger, 5)
    .option('-k, --k <list>', 'sampling rates (tables 8, 10, 20); T: the first frame only', rates)
    .option('--tau <list>', 'thresholds of the fusion (table 9)', parseNumbers)
    .option('--strategies <list>', 'ways to fuse (table 5)', strategies)
    .option('--context <list>', 'previous frames (table 6)', parseNumbers)
    .option('--points <list>', 'points per object (table 13)', parseNumbers)
    .option('--segmenters <list>', 'further SAM 2 checkpoints (table 15)', names)
    .option('--dtypes <list>', 'weights of the pointer (table dtype)', names)
    .option('--sentences <count>', 'sentences of a sequence at most', parseInteger)
    .option('--timed <count>', 'sequences whose first sentence is timed', parseInteger, 3)
    .option('-o, --output <folder>', 'where the sweep is kept (default: out/sweep-<dataset>)')
    .option('--restart', 'begin again instead of going on')
    .option('--report <file>', 'also write an HTML report, one file that stands alone')
  withJson(withModelOptions(command, ['pointer', 'segmenter'])).action(
    (name: string, flags: SweepFlags) => sweep(name, flags, context),
  )
}

/** The pointer's own number of previous frames, before any model is loaded. */
async function previousFrames(pointer: string = EMBEDDED.pointer): Promise<number> {
  const checkpoint = await readCheckpoint(pointer)
  return checkpoint.capabilities.previousFrames
}

async function loadVariant(
  flags: SweepFlags,
  variant: Variant,
  signal: AbortSignal,
): Promise<TrialModels & AsyncDisposable> {
  const dtype = 'dtype' in variant ? { dtype: variant.dtype } : {}
  const segmenter = 'segmenter' in variant ? variant.segmenter : flags.segmenter
  const { pointer } = flags
  const vm = await VideoMolmo.load({
    ...(pointer ? { pointer } : {}),
    ...(segmenter ? { segmenter } : {}),
    ...loadOptions({ ...flags, ...dtype }, signal),
  })
  return { ...trialModels(vm), [Symbol.asyncDispose]: () => vm.dispose() }
}

function choicesOf(flags: SweepFlags): SweepChoices {
  const { keyframeEvery, k, tau, context, points, strategies, dtypes, segmenters } = flags
  const given = { keyframeEvery, k, tau, context, points, strategies, dtypes, segmenters }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** Everything that makes two sweeps different ones. */
async function sweepSettings(name: string, flags: SweepFlags) {
  const { root, split, tables, sentences, timed, threads } = flags
  // JSON has no Infinity.
  const choices = JSON.stringify(choicesOf(flags), (_, value) =>
    value === Number.POSITIVE_INFINITY ? 'T' : value,
  )
  const about = { dataset: name, root, split, tables: tables.join(','), choices }
  return { ...about, sentences, timed, threads, ...(await modelSettings(flags)) }
}

async function sweep(name: string, flags: SweepFlags, context: CommandContext): Promise<void> {
  const { print, signal } = context
  const tables = sweepTables(flags.tables, await previousFrames(flags.pointer), choicesOf(flags))
  if (flags.lenient) throw new InvalidArgumentError('sweep has no lenient mode; eval has one')
  const perSentence = name === 'ref-davis17' ? { protocol: 'per_expression' as const } : {}
  const dataset = await openFlagged(name, { ...flags, ...perSentence }, new Problems())
  const output = flags.output ?? join('out', `sweep-${dataset.name}`)
  const only = chosenSequences(dataset, flags)
  const settings = await sweepSettings(name, flags)
  const bar = new ProgressBar(!flags.json, 'sentences')
  let done: Sweep
  try {
    done = await runSweep(dataset, {
      tables,
      load: variant => loadVariant(flags, variant, signal),
      output,
      settings,
      restart: flags.restart ?? false,
      ...(only ? { only } : {}),
      ...(flags.sentences === undefined ? {} : { sentences: flags.sentences }),
      timed: flags.timed,
      signal,
      onProgress: bar.update,
    })
  } catch (error) {
    if (error instanceof AbortedError) context.note(keptNote(output))
    throw error
  } finally {
    bar.stop()
  }
  const files = await writeFiles(done, output, settings, flags.report)
  if (flags.json) print(JSON.stringify({ tables: jsonTables(done), files }))
  else {
    for (const { title, table, note } of sweepTexts(done)) {
      print(`${title}\n${note}\n\n${toText(table)}\n`)
    }
    for (const file of files) print(file)
  }
}

async function writeFiles(
  done: Sweep,
  output: string,
  settings: { [name: string]: unknown },
  report: string | undefined,
): Promise<string[]> {
  await mkdir(output, { recursive: true })
  const files = [join(output, 'tables.md'), join(output, 'tables.csv')]
  await writeWhole(files[0]!, sweepMarkdown(done))
  await writeWhole(files[1]!, sweepCsv(done))
  if (report === undefined) return files
  await writeWhole(report, sweepHtml(done, settings))
  return [...files, report]
}

const jsonTables = (done: Sweep) =>
  sweepResults(done).map(({ table, rows, source, machine }) => ({
    table: table.id,
    title: table.title,
    column: table.column,
    benchmark: source?.benchmark ?? null,
    machine,
    rows,
  }))
