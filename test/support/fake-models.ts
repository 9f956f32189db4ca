import { AbortedError } from '../../lib/engine/errors.js'
import type {
  ClipSegmenter,
  FrameFeatures,
  ObjectTrack,
  TrackedMasks,
  TrackOptions,
} from '../../lib/ground/clip-segmenter.js'
import type { MaskWork } from '../../lib/ground/mask-work.js'
import type {
  GroundModels,
  Point,
  PointerAnswer,
  PointerBatch,
  PointerModel,
  PointerStream,
} from '../../lib/ground/models.js'
import type { RgbImage } from '../../lib/video/pixels.js'
import { referenceMaskWork } from './mask-work.js'

/** Features that remember their picture, so that masks can be read off the colours. */
interface FakeFeatures extends FrameFeatures {
  image: RgbImage
}

/** One tracked frame: which keyframe's tracker went where. */
export interface TrackRecord {
  start: number
  frame: number
  reverse: boolean
}

export interface FakeModelsOptions {
  /** Points for a keyframe; an empty list is "There are none.". */
  answer: (frameIndex: number, query: string) => Point[]
  /** Changes a mask on its way, to tell the two directions apart. */
  distort?: (mask: Uint8Array, record: TrackRecord) => Uint8Array
  /** What the pointer does side by side. */
  batch?: PointerBatch
}

/**
 * Models that see colours: a point names the colour under it, and masks are the pixels of that
 * colour. They record what the pipeline asked of them.
 */
export class FakeModels implements GroundModels {
  readonly encodedForPointer: number[] = []
  readonly asked: number[] = []
  /** Keyframes of each call. */
  readonly batches: number[] = []
  /** Frames of each call of the vision encoder. */
  readonly visionBatches: number[] = []
  readonly tracked: TrackRecord[] = []
  /** Image features alive now, and the most there ever were. */
  liveFeatures = 0
  mostFeatures = 0
  liveTracks = 0
  mostTracks = 0
  encodedImages = 0
  streamsOpen = 0
  readonly #options: FakeModelsOptions

  constructor(options: FakeModelsOptions) {
    this.#options = options
    const { batch = { answers: 8, frames: 0 } } = options
    this.pointer = { batch, openStream: capacity => this.#openStream(capacity) }
  }

  readonly pointer: PointerModel

  #openStream(capacity: number): PointerStream {
    this.streamsOpen++
    /** The frames that came in last, as the engine keeps them. */
    const ring: number[] = []
    return {
      encode: async (frames, { signal }) => {
        await checkSignal(signal)
        if (frames.length > capacity) throw new Error(`${frames.length} frames in ${capacity}`)
        const indices = frames.map(({ index }) => index)
        this.encodedForPointer.push(...indices)
        this.visionBatches.push(indices.length)
        ring.push(...indices)
        ring.splice(0, ring.length - capacity)
        return { vit: frames.length }
      },
      prepare: async (frameIndex, { signal, contextFrames, blackContext }) => {
        await checkSignal(signal)
        const first = blackContext ? frameIndex : Math.max(0, frameIndex - contextFrames)
        for (let index = first; index <= frameIndex; index++) {
          if (!ring.includes(index)) throw new Error(`frame ${index} has left the ring`)
        }
        return { temporal: 1 }
      },
      answer: async (frameIndices, query, { signal }): Promise<PointerAnswer[]> => {
        await checkSignal(signal)
        this.asked.push(...frameIndices)
        this.batches.push(frameIndices.length)
        return frameIndices.map(frameIndex => {
          const points = this.#options.answer(frameIndex, query)
          const text = `${points.length} points`
          return { frameIndex, points, text, timings: { prefill: 2 }, stats: NO_STATS }
        })
      },
      dispose: () => {
        this.streamsOpen--
      },
    }
  }

  segmenter: ClipSegmenter<FakeFeatures> = {
    encode: async (image, { signal }) => {
      await checkSignal(signal)
      this.encodedImages++
      this.liveFeatures++
      this.mostFeatures = Math.max(this.mostFeatures, this.liveFeatures)
      const dispose = () => {
        this.liveFeatures--
      }
      return { features: { image, dispose }, times: { imageEncoder: 3 } }
    },
    openTrack: options => this.#openTrack(options),
  }

  masks: MaskWork = referenceMaskWork

  #openTrack({ width, height, reverse }: TrackOptions): ObjectTrack<FakeFeatures> {
    this.liveTracks++
    this.mostTracks = Math.max(this.mostTracks, this.liveTracks)
    let colors: number[] = []
    let start = -1
    const colorAt = ({ image }: FakeFeatures, at: number) =>
      (image.data[at * 3]! << 16) | (image.data[at * 3 + 1]! << 8) | image.data[at * 3 + 2]!
    const masksOf = (record: TrackRecord, features: FakeFeatures): TrackedMasks => {
      this.tracked.push(record)
      const masks = colors.map(color => {
        const mask = new Uint8Array(width * height)
        for (let at = 0; at < mask.length; at++) mask[at] = +(colorAt(features, at) === color)
        return this.#options.distort?.(mask, record) ?? mask
      })
      return {
        masks,
        ious: new Float32Array(masks.length).fill(0.75),
        times: { maskDecoder: 4 },
      }
    }
    return {
      start: async (frame, features, points, { signal }) => {
        await checkSignal(signal)
        colors = points.map(({ x, y }) => colorAt(features, y * width + x))
        start = frame
        return masksOf({ start, frame, reverse }, features)
      },
      step: async (frame, features, { signal }) => {
        await checkSignal(signal)
        return masksOf({ start, frame, reverse }, features)
      },
      dispose: () => {
        this.liveTracks--
      },
    }
  }
}

const NO_STATS = { promptRows: 0, reusedRows: 0, steps: 0, drafted: 0, accepted: 0 }

/** As the engine does it, a fired signal is seen at the next step of the model. */
async function checkSignal(signal: AbortSignal): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
  if (signal.aborted) throw new AbortedError()
}
