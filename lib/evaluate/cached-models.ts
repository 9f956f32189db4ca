import type {
  ClipSegmenter,
  ObjectTrack,
  SegmenterCall,
  TrackedMasks,
  TrackOptions,
} from '../ground/clip-segmenter.js'
import type {
  GroundModels,
  Point,
  PointerAnswer,
  PointerModel,
  PointerStream,
} from '../ground/models.js'
import type { RgbImage } from '../video/pixels.js'
import { type HeldFeatures, SharedFeatures } from './shared-features.js'

/** One object followed from one click in one direction, with what was found so far. */
interface CachedTrack {
  track: ObjectTrack
  found: Map<number, Promise<TrackedMasks>>
}

/**
 * A track whose objects are followed once per click and direction, however many sentences and
 * settings lead there. Objects are tracked independently, so each can have a track of its own.
 */
class SharedTrack implements ObjectTrack<HeldFeatures> {
  readonly #tracks: Map<string, CachedTrack>
  readonly #segmenter: ClipSegmenter
  readonly #options: TrackOptions
  #objects: CachedTrack[] = []

  constructor(tracks: Map<string, CachedTrack>, segmenter: ClipSegmenter, options: TrackOptions) {
    this.#tracks = tracks
    this.#segmenter = segmenter
    this.#options = options
  }

  start(frame: number, { features }: HeldFeatures, points: readonly Point[], call: SegmenterCall) {
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

  step(frame: number, { features }: HeldFeatures, call: SegmenterCall) {
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
 * Models for asking many things about one clip: image features, the pointer's features, its answers
 * and the tracks of objects are computed once and kept until `dispose`. Frames must be given as the
 * same buffers each time.
 */
export class CachedModels implements GroundModels {
  readonly pointer: PointerModel
  readonly segmenter: ClipSegmenter
  readonly masks: GroundModels['masks']
  readonly #stream: PointerStream
  readonly #encoded = new Set<number>()
  readonly #answers = new Map<string, PointerAnswer>()
  readonly #features = new Map<Uint8Array, SharedFeatures>()
  readonly #frees: (() => void)[] = []
  readonly #encoder: ClipSegmenter

  /** @param frames of the clip: all of them stay encoded. */
  constructor({ pointer, segmenter, masks }: GroundModels, frames: number) {
    this.#stream = pointer.openStream(frames, frames)
    this.pointer = { openStream: () => this.#openStream() }
    this.masks = masks
    this.#encoder = segmenter
    this.segmenter = this.#follow(segmenter)
  }

  /**
   * The same models with objects followed by another segmenter that reads the same image features.
   */
  with(segmenter: ClipSegmenter): GroundModels {
    const { pointer, masks } = this
    return { pointer, masks, segmenter: this.#follow(segmenter) }
  }

  #follow(segmenter: ClipSegmenter): ClipSegmenter<HeldFeatures> {
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
    if (kept) return { features: kept.hold(), times: {} }
    const { features, times = {} } = await this.#encoder.encode(image, call)
    const shared = new SharedFeatures(features)
    this.#features.set(image.data, shared)
    this.#frees.push(shared.hold().dispose)
    return { features: shared.hold(), times }
  }

  #openStream(): PointerStream {
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

  dispose(): void {
    for (const free of this.#frees) free()
    this.#stream.dispose()
  }
}
