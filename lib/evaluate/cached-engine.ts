import type { GroundEngine, Point, PointAnswer, PointingStream } from '../ground/engine.js'
import type {
  ClipSegmenter,
  FrameFeatures,
  ObjectTrack,
  SegmenterCall,
  TrackedMasks,
  TrackOptions,
} from '../ground/segmenter.js'
import type { RgbImage } from '../video/pixels.js'

/** One object followed from one click in one direction, with what was found so far. */
interface CachedTrack {
  track: ObjectTrack
  found: Map<number, Promise<TrackedMasks>>
}

/**
 * A track whose objects are followed once per click and direction, however many sentences and
 * settings lead there. Objects are tracked independently, so each can have a track of its own.
 */
class SharedTrack implements ObjectTrack {
  readonly #tracks: Map<string, CachedTrack>
  readonly #segmenter: ClipSegmenter
  readonly #options: TrackOptions
  #objects: CachedTrack[] = []

  constructor(tracks: Map<string, CachedTrack>, segmenter: ClipSegmenter, options: TrackOptions) {
    this.#tracks = tracks
    this.#segmenter = segmenter
    this.#options = options
  }

  start(frame: number, features: FrameFeatures, points: readonly Point[], call: SegmenterCall) {
    this.#objects = points.map(({ x, y }) => {
      const key = JSON.stringify([frame, this.#options.reverse, x, y])
      const known = this.#tracks.get(key) ?? {
        track: this.#segmenter.openTrack(this.#options),
        found: new Map(),
      }
      this.#tracks.set(key, known)
      return known
    })
    return this.#masks(frame, (track, o) => track.start(frame, features, [points[o]!], call))
  }

  step(frame: number, features: FrameFeatures, call: SegmenterCall) {
    return this.#masks(frame, track => track.step(frame, features, call))
  }

  async #masks(
    frame: number,
    find: (track: ObjectTrack, object: number) => Promise<TrackedMasks>,
  ): Promise<TrackedMasks> {
    const parts: TrackedMasks[] = []
    for (const [o, { track, found }] of this.#objects.entries()) {
      const part = found.get(frame) ?? find(track, o)
      found.set(frame, part)
      parts.push(await part)
    }
    const masks = parts.map(part => part.masks[0]!)
    return { masks, ious: parts.map(part => part.ious[0]!) }
  }

  dispose(): void {}
}

/**
 * An engine for asking many things about one clip: image features, the pointer's features, its
 * answers and the tracks of objects are computed once and kept until `dispose`. Frames must be given
 * as the same buffers each time.
 */
export class CachedEngine implements GroundEngine {
  readonly masks: GroundEngine['masks']
  readonly segmenter: ClipSegmenter
  readonly #stream: PointingStream
  readonly #encoded = new Set<number>()
  readonly #answers = new Map<string, PointAnswer>()
  readonly #features = new Map<Uint8Array, FrameFeatures>()
  readonly #frees: (() => void)[] = []
  readonly #encoder: ClipSegmenter

  /** @param frames of the clip: all of them stay encoded. */
  constructor(engine: GroundEngine, frames: number) {
    this.#stream = engine.openPointing(frames, frames)
    this.masks = engine.masks
    this.#encoder = engine.segmenter
    this.segmenter = this.#follow(engine.segmenter)
  }

  /**
   * The same engine with objects followed by another segmenter that reads the same image features.
   */
  with(segmenter: ClipSegmenter): GroundEngine {
    const openPointing = () => this.openPointing()
    return { openPointing, masks: this.masks, segmenter: this.#follow(segmenter) }
  }

  #follow(segmenter: ClipSegmenter): ClipSegmenter {
    const tracks = new Map<string, CachedTrack>()
    this.#frees.push(() => {
      for (const { track } of tracks.values()) track.dispose()
    })
    return {
      encode: (image, call) => this.#encode(image, call),
      openTrack: options => new SharedTrack(tracks, segmenter, options),
    }
  }

  async #encode(image: RgbImage, call: SegmenterCall) {
    const kept = this.#features.get(image.data)
    if (kept) return { features: kept, times: {} }
    const encoded = await this.#encoder.encode(image, call)
    this.#keep(image.data, encoded.features)
    return encoded
  }

  openPointing(): PointingStream {
    return {
      encode: async (frames, call) => {
        const left = frames.filter(({ index }) => !this.#encoded.has(index))
        for (const { index } of left) this.#encoded.add(index)
        return left.length > 0 ? this.#stream.encode(left, call) : {}
      },
      // All frames stay encoded.
      prepare: async () => ({}),
      answer: async (frameIndices, query, options) => {
        const { contextFrames, blackContext } = options
        const keyOf = (index: number) => JSON.stringify([index, query, contextFrames, blackContext])
        const left = frameIndices.filter(index => !this.#answers.has(keyOf(index)))
        const answers = left.length > 0 ? await this.#stream.answer(left, query, options) : []
        for (const answer of answers) this.#answers.set(keyOf(answer.frameIndex), answer)
        return frameIndices.map(index => this.#answers.get(keyOf(index))!)
      },
      dispose: () => {},
    }
  }

  /** Runs dispose of features when they are done with a frame; here that has to wait. */
  #keep(data: Uint8Array, features: FrameFeatures): void {
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
