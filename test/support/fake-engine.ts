import type {
  AddonCancel,
  AddonFrameMasks,
  AddonFusion,
  AddonImage,
  AddonImageFeatures,
  AddonMask,
  AddonVideoOptions,
} from '../../lib/engine/addon.js'
import { AbortedError } from '../../lib/engine/errors.js'
import type {
  GroundEngine,
  Point,
  PointAnswer,
  PointingStream,
  TrackingVideo,
} from '../../lib/ground/engine.js'

/** Features that remember their picture, so that masks can be read off the colours. */
interface FakeFeatures extends AddonImageFeatures {
  image: AddonImage
}

/** One tracked frame: which keyframe's tracker went where. */
export interface TrackRecord {
  start: number
  frame: number
  reverse: boolean
}

export interface FakeEngineOptions {
  /** Points for a keyframe; an empty list is "There are none.". */
  answer: (frameIndex: number, query: string) => Point[]
  /** Changes a mask on its way, to tell the two directions apart. */
  distort?: (mask: Uint8Array, record: TrackRecord) => Uint8Array
}

/**
 * An engine that sees colours: a point names the colour under it, and masks are the pixels of that
 * colour. It records what the pipeline asked of it.
 */
export class FakeEngine implements GroundEngine {
  readonly encodedForPointer: number[] = []
  readonly asked: number[] = []
  readonly tracked: TrackRecord[] = []
  /** Image features alive now, and the most there ever were. */
  liveFeatures = 0
  mostFeatures = 0
  liveVideos = 0
  mostVideos = 0
  encodedImages = 0
  streamsOpen = 0
  readonly #options: FakeEngineOptions

  constructor(options: FakeEngineOptions) {
    this.#options = options
  }

  createCancel = () => new FakeCancel()

  openPointing(): PointingStream {
    this.streamsOpen++
    return {
      encode: async (frameIndex, _image, cancel) => {
        await checkCancel(cancel)
        this.encodedForPointer.push(frameIndex)
        return { vit: 1 }
      },
      answer: async (frameIndex, query, { cancel }): Promise<PointAnswer> => {
        await checkCancel(cancel)
        this.asked.push(frameIndex)
        const points = this.#options.answer(frameIndex, query)
        return { frameIndex, points, text: `${points.length} points`, timings: { prefill: 2 } }
      },
      dispose: () => {
        this.streamsOpen--
      },
    }
  }

  segmenter: GroundEngine['segmenter'] = {
    encode: async (image, options) => {
      await checkCancel(options?.cancel)
      this.encodedImages++
      this.liveFeatures++
      this.mostFeatures = Math.max(this.mostFeatures, this.liveFeatures)
      const dispose = () => {
        this.liveFeatures--
      }
      const features: FakeFeatures = { width: image.width, height: image.height, image, dispose }
      return { features, times: { imageEncoder: 3 } }
    },
    openVideo: options => this.#openVideo(options),
  }

  masks: GroundEngine['masks'] = { fuseMasks, maskOverlap }

  #openVideo({ width, height }: AddonVideoOptions): TrackingVideo {
    this.liveVideos++
    this.mostVideos = Math.max(this.mostVideos, this.liveVideos)
    const colors = new Map<number, number>()
    let start = -1
    const colorAt = ({ image }: FakeFeatures, at: number) =>
      (image.data[at * 3]! << 16) | (image.data[at * 3 + 1]! << 8) | image.data[at * 3 + 2]!
    const masksOf = (record: TrackRecord, features: FakeFeatures): AddonFrameMasks => {
      const masks = [...colors.values()].map(color => {
        const mask = new Uint8Array(width * height)
        for (let at = 0; at < mask.length; at++) mask[at] = +(colorAt(features, at) === color)
        return this.#options.distort?.(mask, record) ?? mask
      })
      return {
        frameIndex: record.frame,
        objectIds: [...colors.keys()],
        masks,
        ious: new Float32Array(masks.length).fill(0.75),
        objectScores: new Float32Array(masks.length).fill(10),
        times: { maskDecoder: 4 },
      }
    }
    return {
      addPoints: async (frame, features, objectId, { points }) => {
        const [x, y] = points!
        colors.set(objectId, colorAt(features as FakeFeatures, y! * width + x!))
        start = frame
        return masksOf({ start, frame, reverse: false }, features as FakeFeatures)
      },
      commit: async () => ({ times: {} }),
      track: async (frame, features, options) => {
        await checkCancel(options?.cancel)
        const record = { start, frame, reverse: options?.reverse ?? false }
        this.tracked.push(record)
        return masksOf(record, features as FakeFeatures)
      },
      dispose: () => {
        this.liveVideos--
      },
    }
  }
}

class FakeCancel implements AddonCancel {
  raised = false
  raise(): void {
    this.raised = true
  }
}

/** As the engine does it, a raised flag is seen at the next step of the model. */
async function checkCancel(cancel: AddonCancel | undefined): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
  if ((cancel as FakeCancel | undefined)?.raised) throw new AbortedError()
}

function maskOverlap(a: AddonMask, b: AddonMask): { intersection: number; union: number } {
  let [intersection, union] = [0, 0]
  for (let i = 0; i < a.data.length; i++) {
    intersection += a.data[i]! & b.data[i]!
    union += a.data[i]! | b.data[i]!
  }
  return { intersection, union }
}

/** Equations 5 and 6 in plain words. */
function fuseMasks(
  forward: AddonMask | null,
  backward: AddonMask | null,
  { tau, strategy }: { tau: number; strategy: string },
): AddonFusion {
  const empty = (mask: AddonMask | null) => mask === null || mask.data.indexOf(1) < 0
  const only = (mask: AddonMask | null, branch: AddonFusion['branch']): AddonFusion => ({
    data: mask!.data,
    branch,
    intersection: 0,
    union: 0,
  })
  if (empty(forward)) return only(backward ?? forward, 'backward')
  if (empty(backward) || strategy === 'prefer-left') return only(forward, 'forward')
  if (strategy === 'prefer-right') return only(backward, 'backward')
  const { intersection, union } = maskOverlap(forward!, backward!)
  const both = strategy === 'intersection' || intersection / union >= tau
  const data = forward!.data.map((value, i) =>
    both ? value & backward!.data[i]! : value | backward!.data[i]!,
  )
  return { data, branch: both ? 'intersection' : 'union', intersection, union }
}
