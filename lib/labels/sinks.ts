import { InvalidArgumentError } from '../engine/errors.js'
import { OutputWriter } from '../formats/outputs.js'
import type { OpenSink, Sink } from '../formats/sink.js'
import { openMasks } from '../formats/sinks/masks.js'
import { openOverlay } from '../formats/sinks/overlay.js'
import { openPoints } from '../formats/sinks/points.js'
import { openReview } from '../formats/sinks/review.js'
import { openRle } from '../formats/sinks/rle.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { LabelCollector } from './collector.js'
import { type LabelFormat, writeLabels } from './files.js'

/** Labels of one clip, gathered and written at the end. */
const labels =
  (format: LabelFormat): OpenSink =>
  async (folder, { query, name, source, fileNames, frameRate }) => {
    const collector = new LabelCollector(name, { label: query === '' ? null : query, fileNames })
    const options = { frameRate, videoOf: () => source }
    return {
      write: async frame => collector.add(frame),
      close: async () => ({
        [format]: await writeLabels(folder, [collector.clip()], format, options),
      }),
    }
  }

export type SinkName = 'points' | 'masks' | 'rle' | 'overlay' | 'review' | LabelFormat

/** Every output that the frames of a clip can be written to, by the name that people give it. */
const TABLE: Record<SinkName, OpenSink> = {
  points: openPoints,
  masks: openMasks,
  rle: openRle,
  overlay: openOverlay,
  review: openReview,
  coco: labels('coco'),
  'youtube-vos': labels('youtube-vos'),
  cvat: labels('cvat'),
  'label-studio': labels('label-studio'),
}

export interface SinksOptions {
  /** The sentence, for outputs that name it. Default: none. */
  query?: string
  /** Of the clip, frames per second. Default 30. */
  frameRate?: number
  /** Of the clip. Default 'clip'. */
  name?: string
  /** The video's file, for outputs that point to it. Default: the clip's name. */
  source?: string
  /** Picture of every frame, relative to the folder of all pictures. Default null. */
  fileNames?: readonly string[] | null
}

const SINKS_OPTIONS: OptionNames<SinksOptions> = {
  query: true,
  frameRate: true,
  name: true,
  source: true,
  fileNames: true,
}

export const SINKS = Object.keys(TABLE) as readonly SinkName[]

/**
 * Opens outputs in a folder, making it where needed: points.jsonl, masks/ (PNG), masks.json (`rle`),
 * overlay.mp4, review.json and .csv, or labels. Frames of grounding and of `SegmenterVideo` can be
 * written to all of them.
 *
 * @throws INVALID_ARGUMENT for an unknown name.
 */
export async function openSinks(
  folder: string,
  names: readonly SinkName[],
  options: SinksOptions = {},
): Promise<Sink> {
  checkOptions(SINKS_OPTIONS, options, 'openSinks')
  const { query = '', frameRate = 30, ...clip } = options
  const unknown = names.find(name => !SINKS.includes(name))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `outputs must be of ${SINKS.join(', ')}, got ${JSON.stringify(unknown)}`,
    )
  }
  const sinks = [...new Set(names)].map(name => TABLE[name])
  return OutputWriter.open(folder, query, frameRate, { sinks, clip })
}
