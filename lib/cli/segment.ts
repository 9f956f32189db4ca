import { type Command, InvalidArgumentError as WrongValue } from 'commander'
import { AbortedError, InvalidArgumentError } from '../engine/errors.js'
import { Mask } from '../formats/mask.js'
import { type OutputPaths, OutputWriter } from '../formats/outputs.js'
import { type CocoRle, decodeRle } from '../formats/rle.js'
import { unionOf } from '../ground/fuse.js'
import type { GroundResult } from '../ground/result.js'
import type { FloatDtype } from '../load/settings.js'
import type { PromptBox, PromptPoint } from '../segment/prompts.js'
import { Segmenter } from '../segment/segmenter.js'
import type { SegmentedFrame, SegmenterVideo } from '../segment/segmenter-video.js'
import type { ClipOptions, Frame } from '../video/frame.js'
import { PICTURE_FRAME_RATE } from '../video/images.js'
import { openClip } from '../video/source.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  parseNumbers,
  type SourceFlags,
  sourceOptions,
  withJson,
  withModelOptions,
  withSourceOptions,
} from './options.js'
import { ProgressBar } from './progress.js'

/** Clicks and boxes per object number. */
interface ObjectPrompt {
  points: PromptPoint[]
  labels: number[]
  box?: PromptBox
}

interface SegmentFlags extends ModelFlags, SourceFlags {
  output: string
  point: [object: number, values: number[]][]
  box: [object: number, values: number[]][]
  frame: number
  maxFrames?: number
  json?: boolean
}

/** "[object:]v,v,.." with the given numbers of values; the object defaults to 1. */
function parsePrompt(text: string, counts: number[]): [number, number[]] {
  const [, object, values] = /^(?:(\d+):)?(.*)$/.exec(text)!
  const numbers = parseNumbers(values!)
  if (!counts.includes(numbers.length) || object === '0') {
    throw new WrongValue(`expected [object:] and ${counts.join(' or ')} numbers.`)
  }
  return [Number(object ?? 1), numbers]
}

const collect =
  (...counts: number[]) =>
  (text: string, before: [number, number[]][]) => [...before, parsePrompt(text, counts)]

export function addSegmentCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('segment')
    .description('masks from clicks and boxes, propagated through a clip')
    .argument('<source>', 'video file, folder of pictures or picture')
    .option(
      '-p, --point <[object:]x,y[,label]>',
      'a click; label 0: not the object',
      collect(2, 3),
      [],
    )
    .option('-b, --box <[object:]x0,y0,x1,y1>', 'a box around an object', collect(4), [])
    .option('-f, --frame <index>', 'frame of the clicks and boxes', parseInteger, 0)
    .option('--max-frames <count>', 'frames to go in each direction at most', parseInteger)
    .option('-o, --output <folder>', 'where to write', 'out')
  withJson(withModelOptions(withSourceOptions(command), ['segmenter'])).action(
    (source: string, flags: SegmentFlags) => segment(source, flags, context),
  )
}

function promptsOf(flags: SegmentFlags): Map<number, ObjectPrompt> {
  const prompts = new Map<number, ObjectPrompt>()
  const of = (object: number) => {
    const prompt = prompts.get(object) ?? { points: [], labels: [] }
    prompts.set(object, prompt)
    return prompt
  }
  for (const [object, [x, y, label]] of flags.point) {
    of(object).points.push([x!, y!])
    of(object).labels.push(label ?? 1)
  }
  for (const [object, [x0, y0, x1, y1]] of flags.box) of(object).box = [x0!, y0!, x1!, y1!]
  return prompts
}

async function prompt(video: SegmenterVideo, frame: number, prompts: Map<number, ObjectPrompt>) {
  for (const [object, { points, labels, box }] of prompts) {
    if (box) await video.addBox(frame, object, box)
    const options = { clearOldPoints: !box }
    if (points.length > 0) await video.addPoints(frame, object, points, labels, options)
  }
}

/** Masks of a frame, packed until all frames are known and can be written in order. */
type PackedFrame = { objectId: number; score: number; rle: CocoRle }[]

const pack = (found: SegmentedFrame): PackedFrame =>
  found.objects.map(({ objectId, score, mask }) => ({
    objectId: Number(objectId),
    score,
    rle: mask.toRLE(),
  }))

/** The masks of a frame in the form that the outputs are written from. */
function toResult(
  frame: Frame,
  packed: PackedFrame,
  prompts: Map<number, ObjectPrompt> | null,
): GroundResult {
  const { width, height, data, index: frameIndex, timeNs, pixelAspect = 1 } = frame
  const objects = packed.map(({ objectId, score, rle }) => {
    const mask = new Mask(decodeRle(rle), width, height)
    return {
      objectId,
      points: (prompts?.get(objectId)?.points ?? []).map(([x, y]) => ({ x, y })),
      mask,
      box: mask.box,
      score,
      visible: mask.area > 0,
      source: prompts ? ('point' as const) : ('propagated' as const),
      agreement: null,
    }
  })
  const union = unionOf(objects.map(({ mask }) => mask.data)) ?? new Uint8Array(width * height)
  return {
    frameIndex,
    timeNs,
    width,
    height,
    image: { data, width, height, pixelAspect },
    keyframe: prompts !== null,
    answer: null,
    stats: null,
    objects,
    mask: new Mask(union, width, height),
    directions: null,
    agreement: null,
    final: true,
    timings: {},
  }
}

async function propagate(
  video: SegmenterVideo,
  flags: SegmentFlags,
  signal: AbortSignal,
): Promise<Map<number, PackedFrame>> {
  const frames = new Map<number, PackedFrame>()
  const bar = new ProgressBar(!flags.json)
  const { maxFrames, frame: startFrame } = flags
  const reach = maxFrames === undefined ? {} : { maxFrames }
  const options = { startFrame, direction: 'both', signal, ...reach } as const
  try {
    for await (const found of video.propagate(options)) {
      frames.set(found.frameIndex, pack(found))
      bar.update({ framesDone: frames.size, frameCount: video.frameCount })
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
  } finally {
    bar.stop()
  }
  return frames
}

async function write(
  source: string,
  flags: SegmentFlags,
  options: ClipOptions,
  frames: Map<number, PackedFrame>,
  prompts: Map<number, ObjectPrompt>,
): Promise<OutputPaths> {
  const clip = await openClip(source, options)
  const writer = await OutputWriter.open(flags.output, '', clip.frameRate ?? PICTURE_FRAME_RATE)
  try {
    for await (const frame of clip) {
      const packed = frames.get(frame.index)
      const prompted = frame.index === flags.frame ? prompts : null
      if (packed) await writer.write(toResult(frame, packed, prompted))
    }
  } finally {
    await writer.close()
  }
  return writer.paths
}

async function segment(
  source: string,
  flags: SegmentFlags,
  context: CommandContext,
): Promise<void> {
  const { signal, print, note } = context
  const clip = sourceOptions(flags, context)
  const prompts = promptsOf(flags)
  if (prompts.size === 0) {
    throw new InvalidArgumentError('segment needs at least one --point or --box')
  }
  await using segmenter = await Segmenter.load(
    flags.segmenter,
    loadOptions<FloatDtype>(flags, signal),
  )
  using video = await segmenter.openVideo(source, clip)
  await prompt(video, flags.frame, prompts)
  const frames = await propagate(video, flags, signal)
  const outputs = await write(source, flags, clip, frames, prompts)
  const interrupted = signal.aborted
  if (flags.json) print(JSON.stringify({ frames: frames.size, interrupted, outputs }))
  else for (const [name, path] of Object.entries(outputs)) print(`${name.padEnd(8)} ${path}`)
  if (!interrupted) return
  note(`interrupted after ${frames.size} frames; they are kept`)
  throw new AbortedError()
}
