import type { FrameFeatures } from '../ground/clip-segmenter.js'

/** One hold on features that several share; `dispose` lets go of it, once. */
export interface HeldFeatures extends FrameFeatures {
  readonly features: FrameFeatures
}

/** Features with several owners: they are freed when the last one lets go. */
export class SharedFeatures {
  readonly #features: FrameFeatures
  #holds = 0

  constructor(features: FrameFeatures) {
    this.#features = features
  }

  hold(): HeldFeatures {
    this.#holds++
    let held = true
    return {
      features: this.#features,
      dispose: () => {
        if (!held) return
        held = false
        if (--this.#holds === 0) this.#features.dispose()
      },
    }
  }
}
