import type { Command } from 'commander'
import { toJson } from '../formats/files.js'
import type { PointOptions } from '../ground/options.js'
import { Pointer } from '../point/pointer.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  type SourceFlags,
  sourceOptions,
  withJson,
  withModelOptions,
  withSourceOptions,
} from './options.js'

interface PointFlags extends ModelFlags, SourceFlags {
  keyframeEvery?: number
  contextFrames?: number
  keyframeBatch?: number
  maxFrames?: number
  json?: boolean
}

export function addPointCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('point')
    .description('points at what a sentence names')
    .argument('<source>', 'video file, folder of pictures or picture')
    .argument('<sentence>', 'what to look for')
    .option(
      '-k, --keyframe-every <frames>',
      'look at every k-th frame (default: all)',
      parseInteger,
    )
    .option('--context-frames <count>', 'previous frames for the pointer', parseInteger)
    .option('--keyframe-batch <count>', 'keyframes that are answered together', parseInteger)
    .option('--max-frames <count>', 'frames to read at most', parseInteger)
  withJson(withModelOptions(withSourceOptions(command), ['pointer'])).action(
    (source: string, sentence: string, flags: PointFlags) =>
      point(source, sentence, flags, context),
  )
}

export function pointOptions(flags: PointFlags, context: CommandContext): PointOptions {
  const { keyframeEvery, contextFrames, keyframeBatch, maxFrames } = flags
  return {
    ...sourceOptions(flags, context),
    signal: context.signal,
    ...(keyframeEvery === undefined ? {} : { keyframeEvery }),
    ...(contextFrames === undefined ? {} : { contextFrames }),
    ...(keyframeBatch === undefined ? {} : { keyframeBatch }),
    ...(maxFrames === undefined ? {} : { maxFrames }),
  }
}

async function point(
  source: string,
  sentence: string,
  flags: PointFlags,
  context: CommandContext,
): Promise<void> {
  const { signal, print } = context
  await using pointer = await Pointer.load(flags.pointer, loadOptions(flags, signal))
  for await (const result of pointer.point(source, sentence, pointOptions(flags, context))) {
    const { frameIndex: frame, timeNs: tNs, points, answer } = result
    if (flags.json) print(toJson({ frame, tNs, points, answer }))
    else {
      const list = points.map(({ x, y }) => `(${x}, ${y})`).join(' ')
      print(`frame ${frame}: ${list || answer.trim()}`)
    }
  }
}
