import type { TrackFrame, TrackObject } from './track-frame.js'

/** A frame that somebody should look at. */
export interface ReviewFrame {
  frameIndex: number
  /** Nanoseconds, as the source gave it. */
  timeNs: bigint
  /** IoU of the two directions before fusion, 0..1. */
  agreement: number
  /** The most disputed first. */
  objects: { objectId: TrackObject['objectId']; agreement: number }[]
}

const lowestFirst = (a: { agreement: number }, b: { agreement: number }) =>
  a.agreement - b.agreement

/**
 * Ranks the frames of a clip by how much the two directions of propagation disagree: where they do,
 * one of them has lost the object, or the pointer has found different things on the two keyframes.
 */
export class ReviewList {
  readonly #frames: ReviewFrame[] = []

  /** Takes a frame's result; those that have no `agreement` are passed over. */
  add({ frameIndex, timeNs, agreement, objects, final = true }: TrackFrame): void {
    if (typeof agreement !== 'number' || !final) return
    const disputed = objects.flatMap(({ objectId, agreement }) =>
      typeof agreement === 'number' ? [{ objectId, agreement }] : [],
    )
    this.#frames.push({ frameIndex, timeNs, agreement, objects: disputed.sort(lowestFirst) })
  }

  /** The least agreement first; equal ones in the order of the clip. */
  ranked(): ReviewFrame[] {
    return this.#frames.toSorted(lowestFirst)
  }
}
