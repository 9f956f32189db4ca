import type { AddonImageFeatures } from '../engine/addon.js'
import type { GroundEngine, PointAnswer, PointingStream } from '../ground/engine.js'

/**
 * An engine for asking many things about one clip: image features, the pointer's features and its
 * answers are computed once and kept until `dispose`. Frames must be given as the same buffers each
 * time.
 */
export class CachedEngine implements GroundEngine {
  readonly masks: GroundEngine['masks']
  readonly segmenter: GroundEngine['segmenter']
  readonly #stream: PointingStream
  readonly #encoded = new Set<number>()
  readonly #answers = new Map<string, PointAnswer>()
  readonly #features = new Map<Uint8Array, AddonImageFeatures>()
  readonly #frees: (() => void)[] = []

  /** @param frames of the clip: all of them stay encoded. */
  constructor(engine: GroundEngine, frames: number) {
    this.#stream = engine.openPointing(frames)
    this.masks = engine.masks
    this.segmenter = {
      encode: async (image, options) => {
        const kept = this.#features.get(image.data)
        if (kept) return { features: kept, times: {} }
        const encoded = await engine.segmenter.encode(image, options)
        this.#keep(image.data, encoded.features)
        return encoded
      },
      openVideo: options => engine.segmenter.openVideo(options),
    }
  }

  openPointing(): PointingStream {
    return {
      encode: async (frameIndex, image, cancel) => {
        if (this.#encoded.has(frameIndex)) return {}
        this.#encoded.add(frameIndex)
        return this.#stream.encode(frameIndex, image, cancel)
      },
      answer: async (frameIndex, query, options) => {
        const { contextFrames, blackContext } = options
        const key = JSON.stringify([frameIndex, query, contextFrames, blackContext])
        const answer =
          this.#answers.get(key) ?? (await this.#stream.answer(frameIndex, query, options))
        this.#answers.set(key, answer)
        return answer
      },
      dispose: () => {},
    }
  }

  /** Runs dispose of features when they are done with a frame; here that has to wait. */
  #keep(data: Uint8Array, features: AddonImageFeatures): void {
    this.#frees.push(features.dispose.bind(features))
    // The prototype's method is read-only, so plain assignment would fail.
    Object.defineProperty(features, 'dispose', { value: () => {} })
    this.#features.set(data, features)
  }

  dispose(): void {
    for (const free of this.#frees) free()
    this.#stream.dispose()
  }
}
