import type { Point } from '../formats/track-frame.js'
import type { ObjectId } from './video-types.js'

/** Which objects were prompted on which frames, and the clicks on them; clicks beside them are left out. */
export class Prompted {
  readonly #frames = new Map<number, Map<ObjectId, Point[]>>()

  /** @param replaces the earlier clicks of the object on this frame. */
  click(frame: number, objectId: ObjectId, clicks: readonly Point[], replaces = true): void {
    const before = replaces ? [] : (this.clicks(frame, objectId) ?? [])
    this.#of(frame).set(objectId, [...before, ...clicks])
  }

  /** A box or a mask stands in place of all clicks. */
  replace(frame: number, objectId: ObjectId): void {
    this.#of(frame).set(objectId, [])
  }

  /** The clicks on an object; empty for a box or a mask alone, undefined where nothing was given. */
  clicks(frame: number, objectId: ObjectId): Point[] | undefined {
    return this.#frames.get(frame)?.get(objectId)
  }

  clear(frame: number, objectId: ObjectId): void {
    this.#frames.get(frame)?.delete(objectId)
  }

  forget(objectId: ObjectId): void {
    for (const objects of this.#frames.values()) objects.delete(objectId)
  }

  reset(): void {
    this.#frames.clear()
  }

  #of(frame: number): Map<ObjectId, Point[]> {
    const objects = this.#frames.get(frame) ?? new Map<ObjectId, Point[]>()
    this.#frames.set(frame, objects)
    return objects
  }
}
