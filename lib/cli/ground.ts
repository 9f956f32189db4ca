import type { Command } from 'commander'
import { Option } from 'commander'
import { AbortedError } from '../engine/errors.js'
import type { SinkPaths } from '../formats/sink.js'
import { TRACKING, type Tracking } from '../ground/clip-segmenter.js'
import { FUSION_STRATEGIES, type GroundOptions } from '../ground/options.js'
import { VideoMolmo } from '../ground/videomolmo.js'
import type { ClipOptions } from '../video/frame.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  parseNumber,
  type SourceFlags,
  sourceOptions,
  withFormats,
  withJson,
  withModelOptions,
  withSourceOptions,
} from './options.js'
import { type OutputFlags, openOutputs } from './outputs.js'
import { ProgressBar } from './progress.js'

interface GroundFlags
  extends ModelFlags,
    OutputFlags,
    SourceFlags,
    Omit<GroundOptions, 'signal' | 'onProgress' | keyof ClipOptions> {
  tracking?: Tracking
  review?: boolean
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
  const { maxFrames, fusion } = flags
  const options = {
    keyframeEvery,
    tau,
    contextFrames,
    maxNewTokens,
    keyframeBatch,
    maxFrames,
    fusion,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function ground(
  source: string,
  sentence: string,
  flags: GroundFlags,
  context: CommandContext,
): Promise<void> {
  const { signal, print, note } = context
  const { pointer, segmenter, tracking } = flags
  const models = {
    ...(pointer ? { pointer } : {}),
    ...(segmenter ? { segmenter } : {}),
    ...(tracking ? { tracking } : {}),
  }
  await using vm = await VideoMolmo.load({ ...models, ...loadOptions(flags, signal) })
  const clip = sourceOptions(flags, context)
  const format = flags.review ? [...flags.format, 'review' as const] : flags.format
  const outputs = await openOutputs(source, sentence, { ...flags, format }, clip)
  const bar = new ProgressBar(!flags.json)
  const options = { ...groundOptions(flags), ...clip, signal, onProgress: bar.update }
  const since = performance.now()
  let [frames, visible] = [0, 0]
  let paths: SinkPaths = {}
  let interrupted = false
  try {
    for await (const result of vm.ground(source, sentence, options)) {
      await outputs.write(result)
      frames++
      if (result.mask.area > 0) visible++
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
    interrupted = true
  } finally {
    bar.stop()
    paths = await outputs.close()
  }
  const seconds = (performance.now() - since) / 1000
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
