import { InvalidArgumentError } from '../engine/errors.js'
import type { ClipSegmenter, ObjectTrack, TrackedMasks } from './clip-segmenter.js'
import type { Point } from './models.js'
import { addTimes, type FrameSlot } from './slot.js'

/** The objects' masks in one frame, as one direction sees them; object o is entry o. */
export type Estimate = Pick<TrackedMasks, 'masks' | 'ious'>

export interface TrackerOptions {
  reverse: boolean
  /** Frames of the clip, 0 when unknown. */
  frameCount: number
  signal: AbortSignal
}

/**
 * One direction of propagation from one keyframe: its own memory, so that nothing of the other side
 * leaks in.
 */
export class Tracker {
  readonly #track: ObjectTrack
  readonly #objects: number
  readonly #signal: AbortSignal

  private constructor(track: ObjectTrack, objects: number, signal: AbortSignal) {
    this.#track = track
    this.#objects = objects
    this.#signal = signal
  }

  /** Prompts one object per point on the keyframe and gives its masks there. */
  static async start(
    segmenter: ClipSegmenter,
    slot: FrameSlot,
    points: readonly Point[],
    { signal, frameCount, reverse }: TrackerOptions,
  ): Promise<{ tracker: Tracker; estimate: Estimate }> {
    const { width, height } = slot.frame
    const track = segmenter.openTrack({ width, height, frameCount, reverse })
    const tracker = new Tracker(track, points.length, signal)
    try {
      const features = await slot.features()
      const tracked = await track.start(slot.index, features, points, { signal })
      return { tracker, estimate: tracker.#toEstimate(slot, tracked) }
    } catch (error) {
      tracker.dispose()
      throw error
    }
  }

  /** Masks of the next frame of the pass. */
  async step(slot: FrameSlot): Promise<Estimate> {
    const features = await slot.features()
    const call = { signal: this.#signal }
    return this.#toEstimate(slot, await this.#track.step(slot.index, features, call))
  }

  /** Another's segmenter may give anything; what does not fit is told here and not in the kernels. */
  #toEstimate(slot: FrameSlot, { masks, ious, times }: TrackedMasks): Estimate {
    const { width, height } = slot.frame
    if (masks.length !== this.#objects || ious.length !== this.#objects) {
      throw new InvalidArgumentError(
        `the segmenter must give a mask and an IoU for each of ${this.#objects} points, got ${masks.length} and ${ious.length} on frame ${slot.index}`,
      )
    }
    const odd = masks.find(mask => mask.length !== width * height)
    if (odd) {
      throw new InvalidArgumentError(
        `the segmenter's masks must hold ${width}x${height} = ${width * height} bytes, got ${odd.length} on frame ${slot.index}`,
      )
    }
    addTimes(slot.timings, times)
    return { masks, ious }
  }

  dispose(): void {
    this.#track.dispose()
  }
}
