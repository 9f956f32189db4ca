import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { parseInteger } from '../cli/options.js'
import { findClips, readDrawnClip } from '../datasets/drawn.js'
import { InvalidArgumentError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { writeWhole } from '../formats/outputs.js'
import { TRACKING, type Tracking } from '../ground/segmenter.js'
import { VideoMolmo } from '../videomolmo.js'
import { figure, maskFigures, maskTable, pointTable, sweepTable, table } from './report.js'
import { DEFAULT_CHOICE, type MaskRecord, type PointRecord, STRATEGY_CHOICES } from './sentence.js'
import { meanOf } from './statistics.js'
import { ClipTrial, defaultSetting, type Setting } from './trial.js'

/**
 * Measures models on clips of training/make_clips.py and prints Markdown:
 *
 *     npm run evaluate -- clips/eval [--sweep] [--clips 60] [--update docs/embedded-models.md]
 */
interface Flags {
  pointer?: string
  segmenter?: string
  tracking?: Tracking
  clips?: number
  keyframeEvery: number
  sweep?: boolean
  sweepClips: number
  update?: string
}

const TAUS = [0, 0.3, 0.5, 0.7, 0.9, 1]
const RATES = [1, 3, 5, 10, 15]

/** Records of everything that was measured, by setting. */
interface Records {
  points: PointRecord[]
  motionReal: PointRecord[]
  motionBlack: PointRecord[]
  /** By strategy at the default tau. */
  strategies: Map<string, MaskRecord[]>
  taus: Map<string, MaskRecord[]>
  rates: Map<string, MaskRecord[]>
  contexts: Map<string, MaskRecord[]>
  contextPoints: Map<string, PointRecord[]>
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
    if (expression.knownFrom && sentence.named > 0) {
      records.motionReal.push(said)
      records.motionBlack.push(await sentence.points({ keyframeEvery, blackContext: true }))
    }
    const scores = await sentence.masks(STRATEGY_CHOICES.map(choice => ({ ...base, ...choice })))
    for (const [i, { strategy }] of STRATEGY_CHOICES.entries()) {
      append(records.strategies, strategy, scores[i]!)
    }
  }
}

async function sweepClip(trial: ClipTrial, base: Setting, records: Records) {
  for (const expression of trial.clip.sequence.expressions) {
    const sentence = await trial.sentence(expression)
    const counts = Array.from({ length: base.contextFrames + 1 }, (_, frames) => frames)
    const score = (changes: Partial<Setting>[]) =>
      sentence.masks(changes.map(change => ({ ...base, ...DEFAULT_CHOICE, ...change })))
    const put = (map: Map<string, MaskRecord[]>, labels: number[], scores: MaskRecord[]) => {
      for (const [i, label] of labels.entries()) append(map, String(label), scores[i]!)
    }
    put(records.taus, TAUS, await score(TAUS.map(tau => ({ tau }))))
    put(records.rates, RATES, await score(RATES.map(keyframeEvery => ({ keyframeEvery }))))
    put(records.contexts, counts, await score(counts.map(contextFrames => ({ contextFrames }))))
    for (const contextFrames of counts) {
      const options = { keyframeEvery: base.keyframeEvery, contextFrames }
      append(records.contextPoints, String(contextFrames), await sentence.points(options))
    }
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

const BEGIN = '<!-- figures -->'
const END = '<!-- end of figures -->'

/** Puts the report between the marks of a Markdown file. */
async function updateDocument(path: string, figures: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) {
    throw new InvalidArgumentError(`${path}: expected the marks ${BEGIN} and ${END}`)
  }
  const body = `${text.slice(0, begin)}${BEGIN}\n\n${figures}\n${text.slice(end)}`
  await writeWhole(path, body)
}

function report(records: Records, clips: number, flags: Flags): string {
  const { points, motionReal, motionBlack, strategies } = records
  const f1 = (list: PointRecord[]) => figure(meanOf(list.map(r => r.f1)))
  const parts = [
    `${clips} clips, ${points.length} sentences, a keyframe every ${flags.keyframeEvery} frames.`,
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
  if (flags.sweep) {
    const contextRows = [...records.contextPoints].map(([label, list]) => [
      label,
      f1(list),
      ...maskFigures(records.contexts.get(label)!).map(figure),
    ])
    parts.push(
      `Sweeps over the first ${Math.min(clips, flags.sweepClips)} clips:`,
      `### Previous frames l (table 6)\n\n${table(['l', 'F1', 'J', 'F', 'J&F'], contextRows)}`,
      `### Threshold tau (table 9)\n\n${sweepTable('tau', rowsOf(records.taus))}`,
      `### Sampling rate k (table 10)\n\n${sweepTable('k', rowsOf(records.rates))}`,
    )
  }
  return `${parts.join('\n\n')}\n`
}

async function evaluate(folder: string, flags: Flags): Promise<void> {
  const { pointer, segmenter, tracking } = flags
  await using vm = await VideoMolmo.load({
    ...(pointer ? { pointer } : {}),
    ...(segmenter ? { segmenter } : {}),
    ...(tracking ? { tracking } : {}),
  })
  const native = addon()
  const folders = (await findClips(folder)).slice(0, flags.clips)
  const records: Records = {
    points: [],
    motionReal: [],
    motionBlack: [],
    strategies: new Map(),
    taus: new Map(),
    rates: new Map(),
    contexts: new Map(),
    contextPoints: new Map(),
  }
  const { previousFrames } = vm.pointer
  const base = { ...defaultSetting(previousFrames), keyframeEvery: flags.keyframeEvery }
  const models = {
    engine: vm.engine,
    previousFrames,
    createCancel: () => native.createCancel(),
    follow: vm.segmenter.tracking.bind(vm.segmenter),
  }
  for (const [i, path] of folders.entries()) {
    using trial = await ClipTrial.open(await readDrawnClip(path), models)
    await measureClip(trial, base, records)
    if (flags.sweep && i < flags.sweepClips) await sweepClip(trial, base, records)
    process.stderr.write(`\r${i + 1}/${folders.length} clips`)
  }
  process.stderr.write('\n')
  const text = report(records, folders.length, flags)
  process.stdout.write(text)
  if (flags.update) await updateDocument(flags.update, text)
}

await new Command('evaluate')
  .argument('<folder>', 'clips written by training/make_clips.py')
  .option('--pointer <folder>', 'another pointer than the embedded one')
  .option('--segmenter <path>', 'another segmenter than the embedded one')
  .addOption(new Option('--tracking <how>', 'how SAM 2 follows objects').choices(TRACKING))
  .option('--clips <count>', 'clips to use at most', parseInteger)
  .option('-k, --keyframe-every <frames>', 'sampling rate', parseInteger, 5)
  .option('--sweep', 'also sweep l, tau and k')
  .option('--sweep-clips <count>', 'clips of the sweeps', parseInteger, 20)
  .option('--update <file>', 'also put the figures between the marks of this Markdown file')
  .action(evaluate)
  .parseAsync()
