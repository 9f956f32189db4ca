import type {
  AddonFrameMasks,
  AddonImageFeatures,
  AddonSegmenter,
  AddonVideo,
  AddonVideoOptions,
} from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import { typed } from '../engine/errors.js'
import { Mask } from '../formats/mask.js'
import type {
  ClipSegmenter,
  ObjectTrack,
  SegmenterCall,
  TrackedMasks,
  TrackOptions,
} from '../ground/clip-segmenter.js'
import type { Point } from '../ground/models.js'
import { type ClickPlan, type Clicks, moreClicks } from '../ground/more-clicks.js'
import { addTimes } from '../ground/slot.js'
import type { RgbImage } from '../video/pixels.js'

/** The part of a video session that one direction of propagation uses. */
export type TrackingVideo = Pick<AddonVideo, 'addPoints' | 'commit' | 'track' | 'dispose'>

/** The part of the engine's segmenter that tracking with memory uses. */
export type TrackingModel = Pick<AddonSegmenter, 'encode'> & {
  openVideo(options: AddonVideoOptions): TrackingVideo
}

/** Features of a frame, resized as SAM 2's video predictor does. */
export function encodeForVideo(
  model: Pick<AddonSegmenter, 'encode'>,
  { data, width, height }: RgbImage,
  { signal }: SegmenterCall,
) {
  return withCancel(signal, call =>
    model.encode({ data, width, height }, { ...call, mode: 'video' }),
  )
}

/** SAM 2 as its video predictor works: every frame is read in the light of those before it. */
export class MemoryClipSegmenter implements ClipSegmenter<AddonImageFeatures> {
  readonly #model: TrackingModel
  readonly #clicks: ClickPlan | undefined

  /** @param clicks per object. Default: the pointer's own alone. */
  constructor(model: TrackingModel, clicks?: ClickPlan) {
    this.#model = model
    this.#clicks = clicks
  }

  encode(image: RgbImage, call: SegmenterCall) {
    return encodeForVideo(this.#model, image, call)
  }

  openTrack(options: TrackOptions): ObjectTrack<AddonImageFeatures> {
    const { width, height, frameCount } = options
    const video = typed(() => this.#model.openVideo({ width, height, frameCount }))
    return new MemoryTrack(video, options, this.#clicks)
  }
}

class MemoryTrack implements ObjectTrack<AddonImageFeatures> {
  readonly #video: TrackingVideo
  readonly #options: TrackOptions
  readonly #clicks: ClickPlan | undefined

  constructor(video: TrackingVideo, options: TrackOptions, clicks: ClickPlan | undefined) {
    this.#video = video
    this.#options = options
    this.#clicks = clicks
  }

  start(
    frameIndex: number,
    features: AddonImageFeatures,
    points: readonly Point[],
    { signal }: SegmenterCall,
  ): Promise<TrackedMasks> {
    return withCancel(signal, async call => {
      const times = {}
      for (const [objectId, point] of points.entries()) {
        const click = (clicks: Clicks) =>
          this.#video.addPoints(frameIndex, features, objectId, toPrompt(clicks), call)
        const given = await click({ points: [point], labels: [1] })
        addTimes(times, given.times)
        if (!this.#clicks) continue
        const mask = this.#maskOf(given, objectId)
        addTimes(times, (await click(moreClicks(mask, point, this.#clicks))).times)
      }
      await this.#video.commit(frameIndex, features, call)
      const options = { ...call, reverse: this.#options.reverse }
      const masks = toTracked(await this.#video.track(frameIndex, features, options))
      addTimes(times, masks.times)
      return { ...masks, times }
    })
  }

  step(
    frameIndex: number,
    features: AddonImageFeatures,
    { signal }: SegmenterCall,
  ): Promise<TrackedMasks> {
    const { reverse } = this.#options
    return withCancel(signal, async call =>
      toTracked(await this.#video.track(frameIndex, features, { ...call, reverse })),
    )
  }

  #maskOf({ objectIds, masks }: AddonFrameMasks, objectId: number): Mask {
    const { width, height } = this.#options
    return new Mask(masks[objectIds.indexOf(objectId)]!, width, height)
  }

  dispose(): void {
    this.#video.dispose()
  }
}

/** All clicks of an object at once; they replace those of an earlier call. */
const toPrompt = ({ points, labels }: Clicks) => ({
  points: Float32Array.from(points.flatMap(({ x, y }) => [x, y])),
  labels: Int32Array.from(labels),
})

const toTracked = ({ masks, ious, times }: AddonFrameMasks): TrackedMasks => ({
  masks,
  ious,
  times,
})
