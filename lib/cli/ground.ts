import { stat } from 'node:fs/promises'
import { basename, parse } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { AbortedError } from '../engine/errors.js'
import { OutputWriter } from '../formats/outputs.js'
import { writeReview } from '../formats/review.js'
import { FUSION_STRATEGIES, type GroundOptions } from '../ground/options.js'
import { ReviewList } from '../ground/review.js'
import { TRACKING, type Tracking } from '../ground/segmenter.js'
import { LabelCollector } from '../labels/collector.js'
import { type LabelFormat, writeLabels } from '../labels/files.js'
import { listImages, PICTURE_FRAME_RATE } from '../video/images.js'
import { openClip } from '../video/source.js'
import { VideoMolmo } from '../videomolmo.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  parseNumber,
  withFormats,
  withJson,
  withModelOptions,
  withSourceOptions,
} from './options.js'
import { ProgressBar } from './progress.js'

interface GroundFlags extends ModelFlags, Omit<GroundOptions, 'signal' | 'onProgress'> {
  tracking?: Tracking
  format: LabelFormat[]
  review?: boolean
  output: string
  json?: boolean
}

export function addGroundCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('ground')
    .description('masks and points of what a sentence names, for every frame of a clip')
    .argument('<source>', 'video file, folder of pictures or picture')
    .argument('<sentence>', 'what to look for')
    .option('-o, --output <folder>', 'where to write', 'out')
    .option('-k, --keyframe-every <frames>', 'ask the pointer on every k-th frame', parseInteger)
    .option('--tau <iou>', 'IoU from which both directions are intersected', parseNumber)
    .option('--context-frames <count>', 'previous frames for the pointer', parseInteger)
    .option('--max-new-tokens <count>', 'longest answer', parseInteger)
    .option('--keyframe-batch <count>', 'keyframes that are answered together', parseInteger)
    .option('--max-frames <count>', 'frames to read at most', parseInteger)
    .addOption(
      new Option('--fusion <strategy>', 'how both directions become one').choices(
        FUSION_STRATEGIES,
      ),
    )
    .addOption(
      new Option('--tracking <how>', 'how SAM 2 follows objects between keyframes').choices(
        TRACKING,
      ),
    )
    .option('--review', 'also rank the frames by how much both directions disagree')
  withSourceOptions(command)
  withJson(withFormats(withModelOptions(command, ['pointer', 'segmenter']))).action(
    (source: string, sentence: string, flags: GroundFlags) =>
      ground(source, sentence, flags, context),
  )
}

function groundOptions(flags: GroundFlags): GroundOptions {
  const { keyframeEvery, tau, contextFrames, maxNewTokens, keyframeBatch } = flags
  const { maxFrames, fusion, exifOrientation } = flags
  const options = {
    keyframeEvery,
    tau,
    contextFrames,
    maxNewTokens,
    keyframeBatch,
    maxFrames,
    fusion,
    exifOrientation,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** Gathers labels when they are asked for; the clip is named after its source. */
async function collectorFor(source: string, label: string, { format }: GroundFlags) {
  if (format.length === 0) return null
  const isFolder = (await stat(source)).isDirectory()
  const name = isFolder ? basename(source) : parse(source).name
  const pictures = isFolder ? await listImages(source) : null
  const fileNames = pictures?.map(path => `${name}/${basename(path)}`) ?? null
  return new LabelCollector(name, { label, fileNames })
}

/** Writes the labels in every format and gives the files by format. */
async function writeCollected(
  collector: LabelCollector | null,
  source: string,
  frameRate: number,
  { format, output }: GroundFlags,
): Promise<Record<string, string>> {
  const paths: Record<string, string> = {}
  const videoOf = () => basename(source)
  for (const name of collector ? format : []) {
    paths[name] = await writeLabels(output, [collector!.clip()], name, { frameRate, videoOf })
  }
  return paths
}

async function ground(
  source: string,
  sentence: string,
  flags: GroundFlags,
  { signal, print, note }: CommandContext,
): Promise<void> {
  const { pointer, segmenter, tracking } = flags
  const models = {
    ...(pointer ? { pointer } : {}),
    ...(segmenter ? { segmenter } : {}),
    ...(tracking ? { tracking } : {}),
  }
  await using vm = await VideoMolmo.load({ ...models, ...loadOptions(flags, signal) })
  const frameRate = (await openClip(source)).frameRate ?? PICTURE_FRAME_RATE
  const collector = await collectorFor(source, sentence, flags)
  const writer = await OutputWriter.open(flags.output, sentence, frameRate)
  const review = new ReviewList()
  const bar = new ProgressBar(!flags.json)
  const options = { ...groundOptions(flags), signal, onProgress: bar.update }
  const since = performance.now()
  let [frames, visible] = [0, 0]
  let interrupted = false
  try {
    for await (const result of vm.ground(source, sentence, options)) {
      await writer.write(result)
      collector?.add(result)
      review.add(result)
      frames++
      if (result.mask.area > 0) visible++
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
    interrupted = true
  } finally {
    bar.stop()
    await writer.close()
  }
  const seconds = (performance.now() - since) / 1000
  const labels = await writeCollected(collector, source, frameRate, flags)
  const lists = flags.review ? await writeReview(flags.output, sentence, review.ranked()) : {}
  const paths = { ...writer.paths, ...labels, ...lists }
  if (flags.json) print(JSON.stringify({ frames, visible, seconds, interrupted, outputs: paths }))
  else {
    print(`${frames} frames in ${seconds.toFixed(1)} s (${(frames / seconds).toFixed(2)} frames/s)`)
    print(`something was found in ${visible} of them`)
    for (const [name, path] of Object.entries(paths)) print(`${name.padEnd(12)} ${path}`)
  }
  if (interrupted) {
    note(`interrupted after ${frames} frames; they are kept`)
    throw new AbortedError()
  }
}
