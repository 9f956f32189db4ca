import { throwIfAborted } from '../engine/cancel.js'
import { InvalidArgumentError } from '../engine/errors.js'
import { Mask } from '../formats/mask.js'
import { decodeRle } from '../formats/rle.js'
import type { TrackFrame, TrackObject } from '../formats/track-frame.js'
import type { LabelledClip, LabelledFrame } from '../labels/labels.js'
import { checkOptions } from '../options/check.js'
import type { ClipOptions, ClipSource, Frame, FrameSource } from '../video/frame.js'
import { openClip } from '../video/source.js'
import { type ChosenPoint, chooseFor, type PictureSegmenter } from './choose.js'
import {
  ANNOTATE_OPTIONS,
  type AnnotateOptions,
  type AnnotateSettings,
  annotateSettings,
} from './options.js'

/** An object with the given mask; its point is the chosen one, its score SAM 2's own estimate. */
export interface AnnotatedObject extends TrackObject {
  objectId: number
  label: string | null
  /** Null when the given mask is empty. */
  chosen: ChosenPoint | null
}

export interface AnnotatedFrame extends TrackFrame {
  clip: string
  objects: AnnotatedObject[]
}

/** Labels count frames: one that is passed over would shift those behind it. */
export const LABELLED_CLIP: ClipOptions = { onDecodeError: 'fail' }

/**
 * Chooses a point for every object in every labelled frame of a clip, frame by frame (equations 7
 * and 8 of the paper; see `choosePoints`). The draws depend on the seed, the clip's name, the frame
 * and the object alone, so leaving frames out does not change the others.
 *
 * @throws INVALID_ARGUMENT for a bad option, for labels of another size than the frames or of frames
 * that the source does not have; DECODE_FAILED, ABORTED, DISPOSED.
 */
export async function* annotateClip(
  segmenter: PictureSegmenter,
  source: ClipSource,
  labels: LabelledClip,
  options: AnnotateOptions = {},
): AsyncGenerator<AnnotatedFrame> {
  checkOptions(ANNOTATE_OPTIONS, options, 'annotateClip')
  const settings = annotateSettings(options)
  const clip = await openClip(source, LABELLED_CLIP)
  yield* annotateFrames(segmenter, clip, labels, settings)
}

/** As annotateClip, with the source open and the settings checked. */
export async function* annotateFrames(
  segmenter: PictureSegmenter,
  source: FrameSource,
  labels: LabelledClip,
  settings: AnnotateSettings,
): AsyncGenerator<AnnotatedFrame> {
  const { every, signal, onProgress } = settings
  const wanted = new Map(
    labels.frames
      .filter(({ frameIndex }) => frameIndex % every === 0)
      .map(frame => [frame.frameIndex, frame]),
  )
  const frameCount = wanted.size
  if (frameCount === 0) return
  for await (const frame of source) {
    throwIfAborted(signal)
    const labelled = wanted.get(frame.index)
    if (!labelled) continue
    checkFrame(frame, source, labels)
    wanted.delete(frame.index)
    yield await annotateFrame(segmenter, frame, labelled, labels, settings)
    onProgress?.({ framesDone: frameCount - wanted.size, frameCount })
    if (wanted.size === 0) return
  }
  const [missing] = wanted.keys()
  throw new InvalidArgumentError(
    `${labels.name}: frame ${missing} is labelled, but ${source.name} ends before it`,
  )
}

function checkFrame(frame: Frame, source: FrameSource, labels: LabelledClip): void {
  if (frame.width === labels.width && frame.height === labels.height) return
  throw new InvalidArgumentError(
    `${labels.name}: the masks are ${labels.width}x${labels.height}, but frame ${frame.index} of ${source.name} is ${frame.width}x${frame.height}`,
  )
}

async function annotateFrame(
  segmenter: PictureSegmenter,
  frame: Frame,
  labelled: LabelledFrame,
  labels: LabelledClip,
  settings: AnnotateSettings,
): Promise<AnnotatedFrame> {
  const { index: frameIndex, timeNs, width, height, data, pixelAspect = 1 } = frame
  const names = new Map(labels.objects.map(({ objectId, label }) => [objectId, label]))
  const objects = labelled.masks.map(({ objectId, rle }) => ({
    objectId,
    label: names.get(objectId) ?? null,
    mask: new Mask(decodeRle(rle), width, height),
    key: `${labels.name}:${frameIndex}:${objectId}`,
  }))
  const image = { data, width, height, pixelAspect }
  const chosen = await chooseFor(segmenter, image, objects, settings)
  return {
    clip: labels.name,
    frameIndex,
    timeNs,
    width,
    height,
    image,
    objects: objects.map(({ key: _, ...object }, i) => annotated(object, chosen[i]!)),
  }
}

function annotated(
  object: Pick<AnnotatedObject, 'objectId' | 'label' | 'mask'>,
  chosen: ChosenPoint | null,
): AnnotatedObject {
  const points = chosen ? [{ x: chosen.x, y: chosen.y }] : []
  const visible = object.mask.area > 0
  return { ...object, chosen, points, score: chosen?.score ?? 0, visible, source: 'point' }
}
