import type { AddonImageFeatures } from '../engine/addon.js'

/** Frames whose image features are kept. */
const KEPT = 8

/** Image features of the frames that were used last, owned. */
export class KeptFeatures {
  /** Least recently used first. */
  readonly #features = new Map<number, AddonImageFeatures>()

  /** The features of a frame, which counts as used now. */
  get(frame: number): AddonImageFeatures | undefined {
    const kept = this.#features.get(frame)
    if (!kept) return undefined
    this.#features.delete(frame)
    this.#features.set(frame, kept)
    return kept
  }

  add(frame: number, features: AddonImageFeatures): void {
    this.#features.set(frame, features)
    const [oldest] = this.#features
    if (this.#features.size <= KEPT || !oldest) return
    this.#features.delete(oldest[0])
    oldest[1].dispose()
  }

  dispose(): void {
    for (const features of this.#features.values()) features.dispose()
    this.#features.clear()
  }
}
