import type { AddonCancel, AddonFrameMasks } from '../engine/addon.js'
import type { GroundEngine, Point, TrackingVideo } from './engine.js'
import { addTimes, type FrameSlot } from './slot.js'

/** The objects' masks in one frame, as one direction sees them; object o is entry o. */
export interface Estimate {
  /** u8 0/1 [H, W] per object. */
  masks: Uint8Array[]
  /** Predicted IoU per object. */
  ious: Float32Array
}

const toEstimate = ({ masks, ious }: AddonFrameMasks): Estimate => ({ masks, ious })

export interface TrackerOptions {
  reverse: boolean
  /** Frames of the clip, 0 when unknown. */
  frameCount: number
  cancel: AddonCancel
}

/**
 * One direction of propagation from one keyframe: its own memory, so that nothing of the other side
 * leaks in.
 */
export class Tracker {
  readonly #video: TrackingVideo
  readonly #options: TrackerOptions

  private constructor(video: TrackingVideo, options: TrackerOptions) {
    this.#video = video
    this.#options = options
  }

  /** Prompts one object per point on the keyframe and gives its masks there. */
  static async start(
    segmenter: GroundEngine['segmenter'],
    slot: FrameSlot,
    points: readonly Point[],
    options: TrackerOptions,
  ): Promise<{ tracker: Tracker; estimate: Estimate }> {
    const { width, height } = slot.frame
    const video = segmenter.openVideo({ width, height, frameCount: options.frameCount })
    const tracker = new Tracker(video, options)
    try {
      await tracker.#prompt(slot, points)
      return { tracker, estimate: await tracker.step(slot) }
    } catch (error) {
      tracker.dispose()
      throw error
    }
  }

  async #prompt(slot: FrameSlot, points: readonly Point[]): Promise<void> {
    const { cancel } = this.#options
    const features = await slot.features()
    for (const [objectId, { x, y }] of points.entries()) {
      const prompt = { points: Float32Array.of(x, y), labels: Int32Array.of(1) }
      const given = await this.#video.addPoints(slot.index, features, objectId, prompt, { cancel })
      addTimes(slot.timings, given.times)
    }
    await this.#video.commit(slot.index, features, { cancel })
  }

  /** Masks of the next frame of the pass. */
  async step(slot: FrameSlot): Promise<Estimate> {
    const { cancel, reverse } = this.#options
    const features = await slot.features()
    const tracked = await this.#video.track(slot.index, features, { cancel, reverse })
    addTimes(slot.timings, tracked.times)
    return toEstimate(tracked)
  }

  dispose(): void {
    this.#video.dispose()
  }
}
