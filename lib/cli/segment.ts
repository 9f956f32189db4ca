import { type Command, InvalidArgumentError as WrongValue } from 'commander'
import { AbortedError, InvalidArgumentError } from '../engine/errors.js'
import { Mask } from '../formats/mask.js'
import { type CocoRle, decodeRle } from '../formats/rle.js'
import type { SinkPaths } from '../formats/sink.js'
import type { TrackFrame, TrackObject } from '../formats/track-frame.js'
import type { FloatDtype } from '../load/settings.js'
import type { PromptBox, PromptPoint } from '../segment/prompts.js'
import { Segmenter } from '../segment/segmenter.js'
import type { SegmenterVideo } from '../segment/segmenter-video.js'
import type { Frame, FrameSource } from '../video/frame.js'
import { openClip } from '../video/source.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  parseNumbers,
  type SourceFlags,
  sourceOptions,
  withFormats,
  withJson,
  withModelOptions,
  withSourceOptions,
} from './options.js'
import { type OutputFlags, openOutputs } from './outputs.js'
import { ProgressBar } from './progress.js'

/** Clicks and boxes per object number. */
interface ObjectPrompt {
  points: PromptPoint[]
  labels: number[]
  box?: PromptBox
}

interface SegmentFlags extends ModelFlags, OutputFlags, SourceFlags {
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
  withJson(withFormats(withModelOptions(withSourceOptions(command), ['segmenter']))).action(
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

/** A frame without its pixels, its masks packed. */
interface PackedFrame {
  objects: (Omit<TrackObject, 'mask'> & { rle: CocoRle })[]
}

const pack = ({ objects }: TrackFrame): PackedFrame => ({
  objects: objects.map(({ mask, ...object }) => ({ ...object, rle: mask.toRLE() })),
})

function unpack({ objects }: PackedFrame, frame: Frame): TrackFrame {
  const { width, height, data, index: frameIndex, timeNs, pixelAspect = 1 } = frame
  return {
    frameIndex,
    timeNs,
    width,
    height,
    image: { data, width, height, pixelAspect },
    objects: objects.map(({ rle, ...object }) => ({
      ...object,
      mask: new Mask(decodeRle(rle), width, height),
    })),
  }
}

/**
 * The frames of a propagation in the order of the clip. From the first frame on they come in that
 * order, each as it is found. What lies before a later start is found last and backwards: then
 * masks are kept packed, and the clip is read again for the pictures.
 */
async function* inOrder(
  found: AsyncIterable<TrackFrame>,
  start: number,
  reopen: () => Promise<FrameSource>,
): AsyncGenerator<TrackFrame> {
  if (start === 0) {
    yield* found
    return
  }
  const packed = new Map<number, PackedFrame>()
  let interruption: AbortedError | undefined
  let last = -1
  try {
    for await (const frame of found) {
      packed.set(frame.frameIndex, pack(frame))
      last = Math.max(last, frame.frameIndex)
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
    interruption = error
  }

  for await (const frame of await reopen()) {
    const objects = packed.get(frame.index)
    if (objects) yield unpack(objects, frame)
    if (frame.index >= last) break
  }
  if (interruption) throw interruption
}

async function* counted(
  frames: AsyncIterable<TrackFrame>,
  frameCount: number,
  quiet: boolean,
): AsyncGenerator<TrackFrame> {
  const bar = new ProgressBar(!quiet)
  let framesDone = 0
  try {
    for await (const frame of frames) {
      yield frame
      bar.update({ framesDone: ++framesDone, frameCount })
    }
  } finally {
    bar.stop()
  }
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
  const { maxFrames, frame: startFrame } = flags
  const reach = maxFrames === undefined ? {} : { maxFrames }
  const found = video.propagate({ startFrame, direction: 'both', signal, ...reach })
  const counting = counted(found, video.frameCount, flags.json ?? false)
  const reopen = () => openClip(source, clip)
  const outputs = await openOutputs(source, '', flags, clip)
  let paths: SinkPaths = {}
  let [frames, interrupted] = [0, false]
  try {
    for await (const frame of inOrder(counting, startFrame, reopen)) {
      await outputs.write(frame)
      frames++
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
    interrupted = true
  } finally {
    paths = await outputs.close()
  }
  if (flags.json) print(JSON.stringify({ frames, interrupted, outputs: paths }))
  else for (const [name, path] of Object.entries(paths)) print(`${name.padEnd(12)} ${path}`)
  if (!interrupted) return
  note(`interrupted after ${frames} frames; they are kept`)
  throw new AbortedError()
}
