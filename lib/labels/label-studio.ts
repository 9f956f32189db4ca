import type { Box } from '../formats/mask.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { type LabelledClip, type LabelledObject, lengthOf, masksOf, UNNAMED } from './labels.js'

/** A box in percent of the frame; frames count from 1, times are seconds. */
export interface Keyframe {
  frame: number
  x: number
  y: number
  width: number
  height: number
  rotation: number
  /** Whether the box goes on after this frame. */
  enabled: boolean
  time: number
}

/** One object of a video: a "videorectangle" of Label Studio. */
export interface LabelStudioRegion {
  id: string
  type: 'videorectangle'
  from_name: string
  to_name: string
  origin: 'prediction'
  original_width: number
  original_height: number
  value: { framesCount: number; duration: number; labels: string[]; sequence: Keyframe[] }
}

export interface LabelStudioTask {
  data: { video: string }
  predictions: { model_version: string; result: LabelStudioRegion[] }[]
}

export interface LabelStudioOptions {
  /** Where Label Studio finds a clip's video. Default: the clip's name. */
  videoOf?: (clip: LabelledClip) => string
  /** Of the videos, as in the labelling configuration, where frames have no times. Default 30. */
  frameRate?: number
}

export const LABEL_STUDIO_OPTIONS: OptionNames<LabelStudioOptions> = {
  videoOf: true,
  frameRate: true,
}

/** Names of the elements of the labelling configuration that the regions belong to. */
const [BOX, VIDEO] = ['box', 'video']

/**
 * Labels as tasks of Label Studio, as predictions that people correct. Label Studio has boxes for
 * videos and no masks: every mask becomes the box around it. The labelling configuration must call
 * its video "video" and its VideoRectangle "box".
 */
export function toLabelStudio(
  clips: readonly LabelledClip[],
  options: LabelStudioOptions = {},
): LabelStudioTask[] {
  checkOptions(LABEL_STUDIO_OPTIONS, options, 'toLabelStudio')
  const { videoOf = clip => clip.name, frameRate = 30 } = options
  return clips.map(clip => {
    const result = clip.objects.flatMap(object => regionOf(clip, object, frameRate) ?? [])
    return {
      data: { video: videoOf(clip) },
      predictions: [{ model_version: 'videomolmo', result }],
    }
  })
}

function regionOf(
  clip: LabelledClip,
  { objectId, label }: LabelledObject,
  frameRate: number,
): LabelStudioRegion | null {
  const { width, height } = clip
  const boxes = new Map<number, Box>()
  for (const [frame, { box }] of masksOf(clip, objectId)) if (box) boxes.set(frame, box)
  if (boxes.size === 0) return null
  const labelled = clip.frames.map(({ frameIndex }) => frameIndex)
  const times = new Map(clip.frames.map(({ frameIndex, timeNs }) => [frameIndex, timeNs]))
  const start = times.get(0) ?? 0n
  const secondsOf = (frame: number) => {
    const timeNs = times.get(frame)
    return timeNs === undefined ? (frame + 1) / frameRate : Number(timeNs - start) / 1e9
  }
  // Between labelled frames the box may go on; it ends where the next labelled frame lacks it.
  const goesOn = (frame: number) => {
    const next = labelled[labelled.indexOf(frame) + 1]
    return next === undefined ? false : boxes.has(next)
  }
  const sequence = [...boxes].map(([frame, box]) => ({
    frame: frame + 1,
    x: (box.x / width) * 100,
    y: (box.y / height) * 100,
    width: (box.width / width) * 100,
    height: (box.height / height) * 100,
    rotation: 0,
    enabled: goesOn(frame),
    time: secondsOf(frame),
  }))
  const framesCount = lengthOf(clip)
  const last = clip.frames.at(-1)
  const duration =
    last?.timeNs === undefined
      ? framesCount / frameRate
      : secondsOf(last.frameIndex) + 1 / frameRate
  return {
    id: `object-${objectId}`,
    type: 'videorectangle',
    from_name: BOX!,
    to_name: VIDEO!,
    origin: 'prediction',
    original_width: width,
    original_height: height,
    value: { framesCount, duration, labels: [label ?? UNNAMED], sequence },
  }
}
