import type { AddonFrameMasks, AddonImageFeatures, AddonVideoOptions } from '../engine/addon.js'
import type { GroundEngine, PointAnswer, PointingStream, TrackingVideo } from '../ground/engine.js'

/** One object followed from one click in one direction, with what was found so far. */
interface ObjectTrack {
  video: TrackingVideo
  found: Map<number, AddonFrameMasks>
}

type Click = Parameters<TrackingVideo['addPoints']>[3]

/**
 * A video session whose objects are tracked once per click and direction, however many sentences and
 * settings lead there. SAM 2 tracks objects independently, so each can have a session of its own.
 */
class CachedVideo implements TrackingVideo {
  readonly #tracks: Map<string, Promise<ObjectTrack>>
  readonly #segmenter: GroundEngine['segmenter']
  readonly #options: AddonVideoOptions
  readonly #clicks = new Map<number, Click>()
  #start = 0

  constructor(
    tracks: Map<string, Promise<ObjectTrack>>,
    segmenter: GroundEngine['segmenter'],
    options: AddonVideoOptions,
  ) {
    this.#tracks = tracks
    this.#segmenter = segmenter
    this.#options = options
  }

  async addPoints(frameIndex: number, _: AddonImageFeatures, objectId: number, click: Click) {
    this.#clicks.set(objectId, click)
    this.#start = frameIndex
    return { ...NOTHING, frameIndex }
  }

  async commit() {
    return { times: {} }
  }

  async track(
    frame: number,
    features: AddonImageFeatures,
    { reverse = false }: { reverse?: boolean } = {},
  ): Promise<AddonFrameMasks> {
    const objectIds = [...this.#clicks.keys()]
    const parts: AddonFrameMasks[] = []
    for (const click of this.#clicks.values()) {
      const { video, found } = await this.#open(click, features, reverse)
      const part = found.get(frame) ?? (await video.track(frame, features, { reverse }))
      found.set(frame, part)
      parts.push(part)
    }
    return {
      ...NOTHING,
      frameIndex: frame,
      objectIds,
      masks: parts.map(({ masks }) => masks[0]!),
      ious: Float32Array.from(parts, ({ ious }) => ious[0]!),
      objectScores: Float32Array.from(parts, ({ objectScores }) => objectScores[0]!),
    }
  }

  dispose(): void {}

  /** The first frame of a pass is the clicked one, so its features are those that the click needs. */
  #open(click: Click, features: AddonImageFeatures, reverse: boolean): Promise<ObjectTrack> {
    const key = JSON.stringify([this.#start, reverse, ...click.points!])
    const known = this.#tracks.get(key) ?? this.#begin(click, features)
    this.#tracks.set(key, known)
    return known
  }

  async #begin(click: Click, features: AddonImageFeatures): Promise<ObjectTrack> {
    const video = this.#segmenter.openVideo(this.#options)
    await video.addPoints(this.#start, features, 0, click)
    await video.commit(this.#start, features)
    return { video, found: new Map() }
  }
}

const NOTHING = {
  objectIds: [] as number[],
  masks: [] as Uint8Array[],
  ious: new Float32Array(0),
  objectScores: new Float32Array(0),
  times: {},
}

/**
 * An engine for asking many things about one clip: image features, the pointer's features, its
 * answers and the tracks of objects are computed once and kept until `dispose`. Frames must be given as the same buffers each
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
  readonly #tracks = new Map<string, Promise<ObjectTrack>>()

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
      openVideo: options => new CachedVideo(this.#tracks, engine.segmenter, options),
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
    for (const track of this.#tracks.values()) void track.then(({ video }) => video.dispose())
    for (const free of this.#frees) free()
    this.#stream.dispose()
  }
}
