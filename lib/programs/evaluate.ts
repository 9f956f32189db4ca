import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { parseInteger } from '../cli/options.js'
import { findClips, readDrawnClip } from '../datasets/drawn.js'
import { openDataset } from '../datasets/open.js'
import { InvalidArgumentError } from '../engine/errors.js'
import {
  type MaskRecord,
  namedObjects,
  type PointRecord,
  STRATEGY_CHOICES,
} from '../evaluate/sentence.js'
import { runSweep } from '../evaluate/sweep.js'
import { PAPER_SWEEP, sweepTables } from '../evaluate/sweep-tables.js'
import {
  ClipTrial,
  defaultSetting,
  type Setting,
  type TrialModels,
  trialModels,
} from '../evaluate/trial.js'
import { writeWhole } from '../formats/files.js'
import { TRACKING, type Tracking } from '../ground/clip-segmenter.js'
import { VideoMolmo } from '../ground/videomolmo.js'
import { DTYPES, type Dtype } from '../load/settings.js'
import { meanOf } from '../metrics/statistics.js'
import {
  figure,
  maskFigures,
  maskTable,
  pointTable,
  sweepTable,
  table,
} from '../reports/clip-tables.js'
import { sweepMarkdown } from '../reports/sweep-report.js'

/**
 * Measures models on clips of training/make_clips.py and prints Markdown:
 *
 *     npm run evaluate -- clips/eval [--sweep] [--clips 60] [--update docs/embedded-models.md]
 */
interface Flags {
  pointer?: string
  segmenter?: string
  tracking?: Tracking
  dtype?: Dtype
  clips?: number
  keyframeEvery: number
  sweep?: boolean
  sweepClips: number
  update?: string
}

/** Table 5 is made of all clips. */
const SWEPT = [...PAPER_SWEEP.filter(id => id !== '5'), 'dtype']

/** Clips whose first sentence is timed. */
const TIMED = 3

/** Records of everything that was measured, by setting. */
interface Records {
  points: PointRecord[]
  motionReal: PointRecord[]
  motionBlack: PointRecord[]
  /** By strategy at the default tau. */
  strategies: Map<string, MaskRecord[]>
}

function append<T>(map: Map<string, T[]>, key: string, record: T): void {
  const list = map.get(key) ?? []
  map.set(key, list)
  list.push(record)
}

async function measureClip(trial: ClipTrial, base: Setting, records: Records) {
  const { keyframeEvery } = base
  for (const expression of trial.clip.sequence.expressions) {
    const sentence = await trial.sentence(expression)
    const said = await sentence.points({ keyframeEvery })
    records.points.push(said)
    if (expression.knownFrom && namedObjects(sentence.sentence.truth) > 0) {
      records.motionReal.push(said)
      records.motionBlack.push(await sentence.points({ keyframeEvery, blackContext: true }))
    }
    const scores = await sentence.masks(STRATEGY_CHOICES.map(choice => ({ ...base, ...choice })))
    for (const [i, { strategy }] of STRATEGY_CHOICES.entries()) {
      append(records.strategies, strategy, scores[i]!)
    }
  }
}

/** The paper's tables on settings, over the first clips. */
async function sweepClips(folder: string, models: TrialModels, flags: Flags): Promise<string> {
  const { keyframeEvery, clips = Number.POSITIVE_INFINITY, sweepClips: most } = flags
  const dataset = await openDataset('drawn', folder)
  const only = dataset.sequences.slice(0, Math.min(clips, most)).map(({ id }) => id)
  // What was chosen for the whole is not varied.
  const left = [flags.tracking ? '15' : '', flags.dtype ? 'dtype' : '']
  const ids = SWEPT.filter(id => !left.includes(id))
  const output = await mkdtemp(join(tmpdir(), 'videomolmo-sweep-'))
  try {
    const sweep = await runSweep(dataset, {
      tables: sweepTables(ids, models.previousFrames, { keyframeEvery }),
      load: async variant => {
        if (!('dtype' in variant)) return { ...models, [Symbol.asyncDispose]: async () => {} }
        const vm = await loadModels({ ...flags, dtype: variant.dtype as Dtype })
        return { ...trialModels(vm), [Symbol.asyncDispose]: () => vm.dispose() }
      },
      output,
      settings: {},
      only,
      timed: TIMED,
      onProgress: ({ framesDone, frameCount }) =>
        process.stderr.write(`\r${framesDone}/${frameCount} sentences`),
    })
    process.stderr.write('\n')
    return sweepMarkdown(sweep)
  } finally {
    await rm(output, { recursive: true })
  }
}

const rowsOf = (map: Map<string, MaskRecord[]>) =>
  [...map].map(([label, masks]) => ({ label, masks }))

/** What the embedded models are meant to reach, and what they reach. */
function goals({ points, motionReal, motionBlack, strategies }: Records): string {
  const share = (list: PointRecord[], value: (r: PointRecord) => number) =>
    meanOf(list.map(value)) ?? Number.NaN
  const precision = share(points, r => r.precision)
  const recall = share(points, r => r.recall)
  const exact = share(points, r => +r.countExact)
  const real = share(motionReal, r => r.f1)
  const black = share(motionBlack, r => r.f1)
  const [, , both] = maskFigures(strategies.get('bidirectional')!)
  const [, , left] = maskFigures(strategies.get('prefer-left')!)
  const row = (goal: string, reached: boolean, ...values: number[]) => [
    goal,
    `${reached ? 'yes' : 'no'}: ${values.map(figure).join(', ')}`,
  ]
  return table(
    ['goal', 'reached'],
    [
      row(
        'point precision and recall >= 0.90',
        Math.min(precision, recall) >= 0.9,
        precision,
        recall,
      ),
      row('J&F >= 0.80 after fusion', both >= 0.8, both),
      row('counting exact >= 0.85', exact >= 0.85, exact),
      row('motion: F1 10 points above black previous frames', real - black >= 0.1, real, black),
      row('bidirectional at least prefer-left in J&F', both >= left, both, left),
    ],
  )
}

/** Puts a part of the report between its marks in a Markdown file. */
async function updateDocument(path: string, name: string, part: string): Promise<void> {
  const [first, last] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const text = await readFile(path, 'utf8')
  const [begin, end] = [text.indexOf(first), text.indexOf(last)]
  if (begin < 0 || end < begin) {
    throw new InvalidArgumentError(`${path}: expected the marks ${first} and ${last}`)
  }
  const body = `${text.slice(0, begin)}${first}\n\n${part}\n${text.slice(end)}`
  await writeWhole(path, body)
}

function report(records: Records, clips: number, flags: Flags): string {
  const { points, motionReal, motionBlack, strategies } = records
  const { keyframeEvery, dtype } = flags
  const weights = dtype ? `, the pointer's weights in ${dtype}` : ''
  const f1 = (list: PointRecord[]) => figure(meanOf(list.map(r => r.f1)))
  const parts = [
    `${clips} clips, ${points.length} sentences, a keyframe every ${keyframeEvery} frames${weights}.`,
    `### Points and counts\n\n${pointTable(points)}`,
    `### Masks\n\n${maskTable(strategies.get('bidirectional')!)}`,
    `### Motion sentences: what the previous frames are worth\n\n${table(
      ['previous frames', 'sentences', 'F1'],
      [
        ['real', String(motionReal.length), f1(motionReal)],
        ['black', String(motionBlack.length), f1(motionBlack)],
      ],
    )}`,
    `### Against the goals\n\n${goals(records)}`,
    `### Fusion strategies (table 5)\n\n${sweepTable('strategy', rowsOf(strategies))}`,
  ]
  return `${parts.join('\n\n')}\n`
}

function loadModels({ pointer, segmenter, tracking, dtype }: Flags): Promise<VideoMolmo> {
  return VideoMolmo.load({
    ...(dtype ? { dtype } : {}),
    ...(pointer ? { pointer } : {}),
    ...(segmenter ? { segmenter } : {}),
    ...(tracking ? { tracking } : {}),
  })
}

async function evaluate(folder: string, flags: Flags): Promise<void> {
  await using vm = await loadModels(flags)
  const folders = (await findClips(folder)).slice(0, flags.clips)
  const records: Records = { points: [], motionReal: [], motionBlack: [], strategies: new Map() }
  const models = trialModels(vm)
  const { keyframeEvery } = flags
  const base = { ...defaultSetting(models.previousFrames), keyframeEvery }
  for (const [i, path] of folders.entries()) {
    using trial = await ClipTrial.open(await readDrawnClip(path), models)
    await measureClip(trial, base, records)
    process.stderr.write(`\r${i + 1}/${folders.length} clips`)
  }
  process.stderr.write('\n')
  const text = report(records, folders.length, flags)
  process.stdout.write(text)
  if (flags.update) await updateDocument(flags.update, 'figures', text)
  if (!flags.sweep) return
  const sweeps = await sweepClips(folder, models, flags)
  process.stdout.write(`\n${sweeps}`)
  if (flags.update) await updateDocument(flags.update, 'sweeps', sweeps)
}

await new Command('evaluate')
  .argument('<folder>', 'clips written by training/make_clips.py')
  .option('--pointer <folder>', 'another pointer than the embedded one')
  .option('--segmenter <path>', 'another segmenter than the embedded one')
  .addOption(new Option('--tracking <how>', 'how SAM 2 follows objects').choices(TRACKING))
  .addOption(new Option('--dtype <type>', 'how matrices are held').choices(DTYPES))
  .option('--clips <count>', 'clips to use at most', parseInteger)
  .option('-k, --keyframe-every <frames>', 'sampling rate', parseInteger, 5)
  .option('--sweep', "also make the paper's tables on settings")
  .option('--sweep-clips <count>', 'clips of the sweeps', parseInteger, 20)
  .option('--update <file>', 'also put the figures between their marks in this Markdown file')
  .action(evaluate)
  .parseAsync()
