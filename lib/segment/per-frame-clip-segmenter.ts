import type { AddonImageFeatures, AddonSegmenter } from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import { Mask } from '../formats/mask.js'
import type {
  ClipSegmenter,
  ObjectTrack,
  SegmenterCall,
  TrackedMasks,
  TrackOptions,
} from '../ground/clip-segmenter.js'
import type { Point } from '../ground/models.js'
import type { RgbImage } from '../video/pixels.js'
import { encodeForVideo } from './memory-clip-segmenter.js'

type PictureModel = Pick<AddonSegmenter, 'encode' | 'segment'>

/**
 * SAM 2 without its memory, as a picture segmenter: every frame is segmented for itself, from one
 * click per object, and all that passes from a frame to the next is where to click: the pixel
 * deepest inside the mask, or the old place when the mask is empty. Measures what the memory is
 * worth (table 15 of the paper).
 */
export class PerFrameClipSegmenter implements ClipSegmenter<AddonImageFeatures> {
  readonly #model: PictureModel

  constructor(model: PictureModel) {
    this.#model = model
  }

  /** Resized as for the video predictor, so that the memory is all that differs. */
  encode(image: RgbImage, call: SegmenterCall) {
    return encodeForVideo(this.#model, image, call)
  }

  openTrack({ width, height }: TrackOptions): ObjectTrack<AddonImageFeatures> {
    return new PerFrameTrack(this.#model, width, height)
  }
}

class PerFrameTrack implements ObjectTrack<AddonImageFeatures> {
  readonly #model: PictureModel
  readonly #width: number
  readonly #height: number
  #clicks: readonly Point[] = []

  constructor(model: PictureModel, width: number, height: number) {
    this.#model = model
    this.#width = width
    this.#height = height
  }

  start(
    frameIndex: number,
    features: AddonImageFeatures,
    points: readonly Point[],
    call: SegmenterCall,
  ): Promise<TrackedMasks> {
    this.#clicks = points
    return this.step(frameIndex, features, call)
  }

  async step(
    _: number,
    features: AddonImageFeatures,
    { signal }: SegmenterCall,
  ): Promise<TrackedMasks> {
    const prompts = this.#clicks.map(({ x, y }) => ({
      points: Float32Array.of(x, y),
      labels: Int32Array.of(1),
    }))
    const found = await withCancel(signal, call =>
      // A click is ambiguous: of three readings the one that the model trusts most is taken, as the
      // video predictor does on a prompted frame.
      this.#model.segment(features, prompts, { ...call, multimask: true }),
    )
    const best = found.ious.map(ious => ious.indexOf(Math.max(...ious)))
    const size = this.#width * this.#height
    const masks = best.map((b, o) => found.masks[o]!.subarray(b * size, (b + 1) * size))
    this.#clicks = this.#clicks.map((click, o) => this.#inside(masks[o]!) ?? click)
    return { masks, ious: best.map((b, o) => found.ious[o]![b]!), times: found.times }
  }

  #inside(mask: Uint8Array): Point | null {
    return new Mask(mask, this.#width, this.#height).innerPoint()
  }

  dispose(): void {}
}
