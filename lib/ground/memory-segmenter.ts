import type {
  AddonCancel,
  AddonFrameMasks,
  AddonImageFeatures,
  AddonSegmenter,
  AddonVideo,
  AddonVideoOptions,
} from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import type { RgbImage } from '../video/pixels.js'
import type { Point } from './engine.js'
import type {
  ClipSegmenter,
  ObjectTrack,
  SegmenterCall,
  TrackedMasks,
  TrackOptions,
} from './segmenter.js'
import { addTimes } from './slot.js'

/** The part of a video session that one direction of propagation uses. */
export type TrackingVideo = Pick<AddonVideo, 'addPoints' | 'commit' | 'track' | 'dispose'>

/** The part of the engine's segmenter that tracking with memory uses. */
export type TrackingEngine = Pick<AddonSegmenter, 'encode'> & {
  openVideo(options: AddonVideoOptions): TrackingVideo
}

/** SAM 2 as its video predictor works: every frame is read in the light of those before it. */
export class MemorySegmenter implements ClipSegmenter<AddonImageFeatures> {
  readonly #engine: TrackingEngine
  readonly #createCancel: () => AddonCancel

  constructor(engine: TrackingEngine, createCancel: () => AddonCancel) {
    this.#engine = engine
    this.#createCancel = createCancel
  }

  encode(image: RgbImage, { signal }: SegmenterCall) {
    const { data, width, height } = image
    return withCancel(signal, this.#createCancel, call =>
      this.#engine.encode({ data, width, height }, { ...call, mode: 'video' }),
    )
  }

  openTrack({ width, height, frameCount, reverse }: TrackOptions): ObjectTrack<AddonImageFeatures> {
    const video = this.#engine.openVideo({ width, height, frameCount })
    return new MemoryTrack(video, reverse, this.#createCancel)
  }
}

class MemoryTrack implements ObjectTrack<AddonImageFeatures> {
  readonly #video: TrackingVideo
  readonly #reverse: boolean
  readonly #createCancel: () => AddonCancel

  constructor(video: TrackingVideo, reverse: boolean, createCancel: () => AddonCancel) {
    this.#video = video
    this.#reverse = reverse
    this.#createCancel = createCancel
  }

  start(
    frameIndex: number,
    features: AddonImageFeatures,
    points: readonly Point[],
    { signal }: SegmenterCall,
  ): Promise<TrackedMasks> {
    return withCancel(signal, this.#createCancel, async call => {
      const times = {}
      for (const [objectId, { x, y }] of points.entries()) {
        const prompt = { points: Float32Array.of(x, y), labels: Int32Array.of(1) }
        const given = await this.#video.addPoints(frameIndex, features, objectId, prompt, call)
        addTimes(times, given.times)
      }
      await this.#video.commit(frameIndex, features, call)
      const options = { ...call, reverse: this.#reverse }
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
    const reverse = this.#reverse
    return withCancel(signal, this.#createCancel, async call =>
      toTracked(await this.#video.track(frameIndex, features, { ...call, reverse })),
    )
  }

  dispose(): void {
    this.#video.dispose()
  }
}

const toTracked = ({ masks, ious, times }: AddonFrameMasks): TrackedMasks => ({
  masks,
  ious,
  times,
})
