import { Problems } from '../datasets/problems.js'
import { DatasetError } from '../engine/errors.js'
import { Mask } from '../formats/mask.js'
import { type CocoRle, decodeRle, expandCounts } from '../formats/rle.js'
import { mergeRles } from '../formats/rle-algebra.js'
import type { JsonValue } from '../json/value.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { MAX_FRAME_SIDE } from '../video/pixels.js'

/** Frames of the longest clip that a file of labels may tell of: nine hours at 30 frames a second. */
export const MOST_FRAMES = 1_000_000

export interface LabelReadOptions {
  /** Passes over records with faults instead of throwing the first one. Default false. */
  lenient?: boolean
  /** Where faults are listed, lenient or not as it says; `lenient` is left out then. */
  problems?: Problems
}

const LABEL_READ_OPTIONS: OptionNames<LabelReadOptions> = { lenient: true, problems: true }

/** Where a reader's faults go. */
export function problemsOf(options: LabelReadOptions, where: string): Problems {
  checkOptions(LABEL_READ_OPTIONS, options, where)
  return options.problems ?? new Problems(options.lenient)
}

/** An object's mask in one frame. */
export interface LabelledMask {
  objectId: number
  rle: CocoRle
}

export interface LabelledFrame {
  frameIndex: number
  /** Nanoseconds from the start of the clip; not set where nobody said. */
  timeNs?: bigint
  /** Of the objects that are in the frame; empty when somebody looked and found none. */
  masks: LabelledMask[]
}

export interface LabelledObject {
  /** From 1. */
  objectId: number
  /** Category or expression; null where the format has none. */
  label: string | null
}

/**
 * Masks of the objects of a clip as people label them: what the readers of this folder give and the
 * writers take. A picture is a clip of one frame.
 */
export interface LabelledClip {
  name: string
  width: number
  height: number
  /** Frames of the clip; 0 when the format does not say. */
  frameCount: number
  /** Picture of every frame, relative to the folder of all pictures; null where none is named. */
  fileNames: string[] | null
  objects: LabelledObject[]
  /** The frames that were labelled, ascending. */
  frames: LabelledFrame[]
}

/** What objects without label are called where a format asks for a name. */
export const UNNAMED = 'object'

/** Different labels of the clips, in the order of their first appearance. */
export function labelsOf(clips: readonly LabelledClip[]): string[] {
  return [...new Set(clips.flatMap(({ objects }) => objects.map(({ label }) => label ?? UNNAMED)))]
}

/** Frames of a clip; where the format did not say, up to the last labelled one. */
export function lengthOf({ frameCount, frames }: LabelledClip): number {
  return Math.max(frameCount, (frames.at(-1)?.frameIndex ?? -1) + 1)
}

/** Picture of every frame: as named, else the frame's number in the clip's folder. */
export function fileNamesOf(clip: LabelledClip): string[] {
  const numbered = (_: unknown, frame: number) =>
    `${clip.name}/${String(frame).padStart(5, '0')}.jpg`
  return clip.fileNames ?? Array.from({ length: lengthOf(clip) }, numbered)
}

/** An object's masks by frame. */
export function masksOf(clip: LabelledClip, objectId: number): Map<number, Mask> {
  const masks = new Map<number, Mask>()
  for (const frame of clip.frames) {
    const found = frame.masks.find(mask => mask.objectId === objectId)
    if (found) masks.set(frame.frameIndex, new Mask(decodeRle(found.rle), clip.width, clip.height))
  }
  return masks
}

/** A side of a frame, pixels. */
export const sideOf = (side: JsonValue): number => side.integer(1, MAX_FRAME_SIDE)

/**
 * Reads COCO run lengths, compressed or as a plain list, and gives them in the canonical form.
 *
 * @throws DATASET_INVALID unless they have the frame's size and add up to it.
 */
export function readRle(field: JsonValue, width: number, height: number, path: string): CocoRle {
  const size = field
    .at('size')
    .items()
    .map(side => side.number())
  if (size.length !== 2 || size[0] !== height || size[1] !== width) {
    field.at('size').fail(`[${height}, ${width}], the frame's height and width`)
  }
  const counts = field.at('counts')
  const list = counts.isList ? counts.items().map(count => count.integer()) : counts.string()
  try {
    const runs = typeof list === 'string' ? expandCounts(list) : list
    return mergeRles([{ size: [height, width], counts: runs }])
  } catch (cause) {
    throw new DatasetError('corrupt', path, `${counts.place}: ${(cause as Error).message}`, {
      cause,
    })
  }
}
