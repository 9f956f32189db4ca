import { join } from 'node:path'
import { type Command, InvalidArgumentError as WrongValue } from 'commander'
import { type AnnotatedFrame, annotateFrames, LABELLED_CLIP } from '../annotate/clip.js'
import { type LabelledSource, openLabelled } from '../annotate/inputs.js'
import { type AnnotateSettings, annotateSettings } from '../annotate/options.js'
import { AnnotationWriter } from '../annotate/writer.js'
import { Problems } from '../datasets/problems.js'
import { AbortedError } from '../engine/errors.js'
import type { SinkPaths } from '../formats/sink.js'
import { LABEL_FORMATS, type LabelFormat, writeLabels } from '../labels/files.js'
import type { LabelledClip } from '../labels/labels.js'
import { openSinks, type SinkName } from '../labels/sinks.js'
import { Segmenter } from '../segment/segmenter.js'
import { PICTURE_FRAME_RATE } from '../video/images.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  sourceOptions,
  withFormats,
  withJson,
  withModelOptions,
} from './options.js'
import { ProgressBar } from './progress.js'

interface AnnotateFlags extends ModelFlags {
  frames: string
  label: [object: number | null, text: string][]
  candidates: number
  seed: number
  every: number
  prompt?: string
  format: SinkName[]
  output: string
  exifOrientation?: boolean
  lenient?: boolean
  json?: boolean
}

/** "[object:]text"; without a number the label is that of all objects. */
function parseLabel(text: string, before: AnnotateFlags['label']): AnnotateFlags['label'] {
  const [, object, label] = /^(?:(\d+):)?(.*)$/s.exec(text)!
  if (label!.trim() === '') throw new WrongValue('expected [object:] and a text.')
  return [...before, [object === undefined ? null : Number(object), label!.trim()]]
}

export function addAnnotateCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('annotate')
    .description('points and training conversations from masks (equations 7 and 8 of the paper)')
    .argument('<masks>', 'COCO JSON, folder of mask PNGs, or folder of such folders')
    .requiredOption('--frames <source>', 'video file, picture, or folder of pictures or of clips')
    .option('--label <[object:]text>', 'what an object, or every object, is called', parseLabel, [])
    .option('--candidates <count>', 'points drawn per object', parseInteger, 10)
    .option('--seed <number>', 'another seed draws other points', parseInteger, 0)
    .option('--every <frames>', 'annotate every n-th frame', parseInteger, 1)
    .option('--prompt <text>', 'question, with {label} for the label')
    .option('--exif-orientation', 'turn pictures as their EXIF mark says')
    .option('--lenient', 'report faults of labels and go on without them')
    .option('-o, --output <folder>', 'where to write', 'out')
  withJson(withFormats(withModelOptions(command, ['segmenter']))).action(
    (masks: string, flags: AnnotateFlags) => annotate(masks, flags, context),
  )
}

/** The clip with the labels that the flags give. */
function relabelled(clip: LabelledClip, labels: AnnotateFlags['label']): LabelledClip {
  const objects = clip.objects.map(object => {
    const own = labels.findLast(([id]) => id === object.objectId || id === null)
    return own ? { ...object, label: own[1] } : object
  })
  return { ...clip, objects }
}

/** Counts of what was written, for the summary. */
class Tally {
  frames = 0
  points = 0
  #ious = 0

  add({ objects }: AnnotatedFrame): void {
    this.frames++
    for (const { chosen } of objects) {
      if (!chosen) continue
      this.points++
      this.#ious += chosen.iou
    }
  }

  /** Of SAM 2's masks from the chosen points with the given masks; null without points. */
  get meanIou(): number | null {
    return this.points === 0 ? null : this.#ious / this.points
  }
}

const isLabelFormat = (name: SinkName): name is LabelFormat =>
  (LABEL_FORMATS as readonly SinkName[]).includes(name)

/** Points are always written, in the form of annotations; labels are written of all clips at once. */
const ofFrames = (names: readonly SinkName[]) =>
  names.filter(name => name !== 'points' && !isLabelFormat(name))

interface AnnotateSinks {
  writer: AnnotationWriter
  tally: Tally
  /** Where the outputs of this clip's frames go. */
  folder: string
  done: (paths: SinkPaths) => void
}

async function annotateSource(
  segmenter: Segmenter,
  { labels, pictures, open }: LabelledSource,
  flags: AnnotateFlags,
  settings: AnnotateSettings,
  { writer, tally, folder, done }: AnnotateSinks,
): Promise<void> {
  const clip = relabelled(labels, flags.label)
  const options = { pictures, ...(flags.prompt === undefined ? {} : { prompt: flags.prompt }) }
  const source = await open()
  const frameRate = source.frameRate ?? PICTURE_FRAME_RATE
  const about = { frameRate, name: labels.name }
  const outputs = await openSinks(folder, ofFrames(flags.format), about)
  try {
    for await (const frame of annotateFrames(segmenter, source, clip, settings)) {
      await writer.write(frame, options)
      await outputs.write(frame)
      tally.add(frame)
    }
  } finally {
    done(await outputs.close())
  }
}

async function annotate(
  masks: string,
  flags: AnnotateFlags,
  context: CommandContext,
): Promise<void> {
  const { signal, print, note } = context
  const { candidates, seed, every } = flags
  const bar = new ProgressBar(!flags.json)
  const settings = annotateSettings({ candidates, seed, every, signal, onProgress: bar.update })
  const problems = new Problems(flags.lenient)
  const clip = { ...sourceOptions(flags, context), ...LABELLED_CLIP }
  const sources = await openLabelled(masks, flags.frames, problems, clip)
  for (const { path, detail } of problems.list) note(`${path}: ${detail}`)
  await using segmenter = await Segmenter.load(flags.segmenter, loadOptions(flags, signal))
  const writer = await AnnotationWriter.open(flags.output)
  const tally = new Tally()
  const outputs: Record<string, string> = { ...writer.paths }
  let interrupted = false
  try {
    for (const source of sources) {
      // Frames of several clips go into a folder for each.
      const several = sources.length > 1
      const folder = several ? join(flags.output, source.labels.name) : flags.output
      const done = (paths: SinkPaths) => {
        for (const [name, path] of Object.entries(paths)) {
          outputs[name] = several ? flags.output : path
        }
      }
      await annotateSource(segmenter, source, flags, settings, { writer, tally, folder, done })
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error
    interrupted = true
  } finally {
    bar.stop()
    await writer.close()
  }
  const { frames, points, meanIou } = tally
  const labelled = sources.map(({ labels }) => relabelled(labels, flags.label))
  for (const format of flags.format.filter(isLabelFormat)) {
    outputs[format] = await writeLabels(flags.output, labelled, format)
  }
  const clips = sources.length
  if (flags.json) {
    const faults = flags.lenient ? { problems: problems.list } : {}
    print(JSON.stringify({ clips, frames, points, meanIou, interrupted, outputs, ...faults }))
  } else {
    print(`${points} points in ${frames} frames of ${clips} clips`)
    if (meanIou !== null)
      print(`mean IoU of their masks with the given ones: ${meanIou.toFixed(3)}`)
    for (const [name, path] of Object.entries(outputs)) print(`${name.padEnd(14)} ${path}`)
  }
  if (!interrupted) return
  note(`interrupted after ${frames} frames; they are kept`)
  throw new AbortedError()
}
