import type {
  AddonCallOptions,
  AddonFrameMasks,
  AddonImageFeatures,
  AddonSegmenter,
  AddonVideo,
} from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import { DisposedError, InvalidArgumentError, typed } from '../engine/errors.js'
import type { Point } from '../formats/track-frame.js'
import { measureMasks } from '../ground/fuse.js'
import { nativeMaskWork } from '../ground/mask-work.js'
import { checkOptions } from '../options/check.js'
import type { ClipExtent, Frame } from '../video/frame.js'
import type { FrameReader } from '../video/reader.js'
import { KeptFeatures } from './kept-features.js'
import { Prompted } from './prompted.js'
import { type Click, type PromptBox, toAddonBox, toAddonPoints } from './prompts.js'
import {
  CALL_OPTIONS,
  type CallOptions,
  type ObjectId,
  PROMPT_OPTIONS,
  PROPAGATE_OPTIONS,
  type PromptOptions,
  type PropagateOptions,
  REMOVE_OPTIONS,
  type RemoveOptions,
  type SegmentedFrame,
  type SegmenterVideoOptions,
} from './video-types.js'

/**
 * One video with its objects, in the words of SAM 2: prompts on any frame, then `propagate`. Frames
 * are read and encoded as they are needed; the last few stay encoded.
 */
export class SegmenterVideo implements Disposable {
  readonly frameCount: number
  readonly width: number
  readonly height: number
  readonly #model: AddonSegmenter
  readonly #reader: FrameReader
  /** What keeps the frames behind the last one from being read; null at a clean end. */
  readonly #failure: unknown
  readonly #video: AddonVideo
  readonly #features = new KeptFeatures()
  readonly #numbers = new Map<ObjectId, number>()
  readonly #prompted = new Prompted()
  #disposed = false

  private constructor(
    model: AddonSegmenter,
    reader: FrameReader,
    first: Frame,
    { frameCount, failure }: ClipExtent,
    video: AddonVideo,
  ) {
    this.#model = model
    this.#reader = reader
    this.#video = video
    this.frameCount = frameCount
    this.#failure = failure
    this.width = first.width
    this.height = first.height
  }

  /** @internal Use `Segmenter.openVideo`. */
  static async open(
    model: AddonSegmenter,
    reader: FrameReader,
    options: SegmenterVideoOptions,
  ): Promise<SegmenterVideo> {
    const { exifOrientation: _, onDecodeError: __, onWarning: ___, ...flags } = options
    const extent = await reader.extent()
    const { frameCount } = extent
    const first = await reader.get(0)
    const { width, height } = first
    const video = typed(() => model.openVideo({ ...flags, width, height, frameCount }))
    return new SegmenterVideo(model, reader, first, extent, video)
  }

  /** Ids of the objects, in the order of their first prompt. */
  get objectIds(): ObjectId[] {
    const names = new Map([...this.#numbers].map(([name, number]) => [number, name]))
    return typed(() => this.#video.objectIds()).map(number => names.get(number)!)
  }

  /**
   * Adds clicks on an object in a frame and gives the frame's masks of all objects.
   *
   * @param labels 1: on the object, 0: not on it. Default: all 1.
   */
  addPoints(
    frame: number,
    objectId: ObjectId,
    points: readonly Click[],
    labels?: readonly number[],
    options: PromptOptions = {},
  ): Promise<SegmentedFrame> {
    checkOptions(PROMPT_OPTIONS, options, 'addPoints')
    const what = `object ${objectId} on frame ${frame}`
    const prompt = toAddonPoints(points, labels, this.width, this.height, what)
    const clicks = points.filter((_, i) => labels?.[i] !== 0).map(toPoint)
    const note = () => this.#prompted.click(frame, objectId, clicks, options.clearOldPoints)
    return this.#prompt(frame, objectId, { ...prompt, ...clearing(options) }, options, note)
  }

  /** Adds a box around an object; a box replaces the earlier clicks of its frame. */
  addBox(
    frame: number,
    objectId: ObjectId,
    box: PromptBox,
    options: CallOptions = {},
  ): Promise<SegmentedFrame> {
    checkOptions(CALL_OPTIONS, options, 'addBox')
    const what = `object ${objectId} on frame ${frame}`
    const corners = toAddonBox(box, this.width, this.height, what)
    const note = () => this.#prompted.replace(frame, objectId)
    return this.#prompt(frame, objectId, { box: corners }, options, note)
  }

  /** Gives an object's mask in a frame, u8 with non-zero = object. */
  async addMask(
    frame: number,
    objectId: ObjectId,
    mask: { data: Uint8Array; width: number; height: number },
    options: CallOptions = {},
  ): Promise<SegmentedFrame> {
    checkOptions(CALL_OPTIONS, options, 'addMask')
    if (!(mask?.data instanceof Uint8Array)) {
      throw new InvalidArgumentError(
        'mask must be { data, width, height } with a Uint8Array as data',
      )
    }
    if (mask.data.length !== mask.width * mask.height) {
      throw new InvalidArgumentError(
        `a ${mask.width}x${mask.height} mask needs ${mask.width * mask.height} bytes, got ${mask.data.length}`,
      )
    }
    return this.#call(options.signal, async call => {
      const features = await this.#encode(frame, call)
      const number = this.#number(objectId)
      const found = await this.#video.addMask(frame, features, number, mask, call)
      this.#prompted.replace(frame, objectId)
      return this.#toFrame(found)
    })
  }

  /** Removes the object's prompts of a frame; masks of other frames stay. */
  async clearPromptsInFrame(frame: number, objectId: ObjectId): Promise<SegmentedFrame> {
    const number = this.#known(objectId)
    return this.#call(undefined, async call => {
      const found = await this.#video.clearPromptsInFrame(frame, number, call)
      this.#prompted.clear(frame, objectId)
      return this.#toFrame(found)
    })
  }

  /**
   * Forgets an object and gives the masks of the frames where it had prompts.
   *
   * @throws INVALID_ARGUMENT for an unknown object when `strict` is set; else nothing happens.
   */
  async removeObject(objectId: ObjectId, options: RemoveOptions = {}): Promise<SegmentedFrame[]> {
    checkOptions(REMOVE_OPTIONS, options, 'removeObject')
    if (!this.#numbers.has(objectId) && !options.strict) return []
    const number = this.#known(objectId)
    return this.#call(undefined, async call => {
      const frames = await this.#video.removeObject(number, { ...options, ...call })
      this.#numbers.delete(objectId)
      this.#prompted.forget(objectId)
      return Promise.all(frames.map(frame => this.#toFrame(frame)))
    })
  }

  /**
   * Follows all objects through the video, one frame after the other. Where the clip cannot be read to
   * its end, its error comes after the frames that can.
   */
  async *propagate(options: PropagateOptions = {}): AsyncGenerator<SegmentedFrame> {
    checkOptions(PROPAGATE_OPTIONS, options, 'propagate')
    const { direction = 'forward', signal, startFrame, maxFrames } = options
    if (!['forward', 'backward', 'both'].includes(direction)) {
      throw new InvalidArgumentError(
        `direction must be forward, backward or both, got ${JSON.stringify(direction)}`,
      )
    }
    const reach = {
      ...(startFrame === undefined ? {} : { startFrame }),
      ...(maxFrames === undefined ? {} : { maxFrames }),
    }
    let last = -1
    if (direction !== 'backward') {
      for await (const found of this.#pass({ ...reach, reverse: false }, signal)) {
        last = found.frameIndex
        yield found
      }
    }
    if (direction !== 'forward') yield* this.#pass({ ...reach, reverse: true }, signal)
    if (this.#failure !== null && last === this.frameCount - 1) throw this.#failure
  }

  async *#pass(
    plan: { startFrame?: number; maxFrames?: number; reverse: boolean },
    signal: AbortSignal | undefined,
  ): AsyncGenerator<SegmentedFrame> {
    await this.#call(signal, async call => {
      for (const frame of this.#video.promptedFrames()) {
        await this.#video.commit(frame, await this.#encode(frame, call), call)
      }
    })
    for (const frame of typed(() => this.#video.planPropagation(plan))) {
      yield await this.#call(signal, async call => {
        // Where every object was given, the frame's masks are known.
        const needed = this.#video.needsFeatures(frame)
        const features = needed ? await this.#encode(frame, call) : null
        const options = { ...call, reverse: plan.reverse }
        return this.#toFrame(await this.#video.track(frame, features, options))
      })
    }
  }

  /** Forgets all objects and results; the video stays open. */
  reset(): void {
    this.#checkAlive()
    this.#video.reset()
    this.#numbers.clear()
    this.#prompted.reset()
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#features.dispose()
    this.#video.dispose()
    void this.#reader.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #prompt(
    frame: number,
    objectId: ObjectId,
    prompt: Parameters<AddonVideo['addPoints']>[3],
    options: PromptOptions,
    note: () => void,
  ): Promise<SegmentedFrame> {
    return this.#call(options.signal, async call => {
      const features = await this.#encode(frame, call)
      const number = this.#number(objectId)
      const found = await this.#video.addPoints(frame, features, number, prompt, call)
      note()
      return this.#toFrame(found)
    })
  }

  /** The engine's number of an object, a new one for a new object. */
  #number(objectId: ObjectId): number {
    const known = this.#numbers.get(objectId)
    if (known !== undefined) return known
    const number = Math.max(-1, ...this.#numbers.values()) + 1
    this.#numbers.set(objectId, number)
    return number
  }

  #known(objectId: ObjectId): number {
    const number = this.#numbers.get(objectId)
    if (number !== undefined) return number
    throw new InvalidArgumentError(
      `object ${JSON.stringify(objectId)} is unknown; the objects are ${JSON.stringify([...this.#numbers.keys()])}`,
    )
  }

  async #encode(frame: number, call: AddonCallOptions): Promise<AddonImageFeatures> {
    const kept = this.#features.get(frame)
    if (kept) return kept
    const pixels = await this.#reader.get(frame)
    const { features } = await this.#model.encode(pixels, { ...call, mode: 'video' })
    this.#features.add(frame, features)
    return features
  }

  async #toFrame(found: AddonFrameMasks): Promise<SegmentedFrame> {
    const { frameIndex, objectIds, masks, ious, objectScores } = found
    const { width, height } = this
    const names = new Map([...this.#numbers].map(([name, number]) => [number, name]))
    const { timeNs, data, pixelAspect = 1 } = await this.#reader.get(frameIndex)
    const measured = await measureMasks(nativeMaskWork, masks, { width, height })
    const objects = measured.objects.map(({ mask }, i) => {
      const objectId = names.get(objectIds[i]!)!
      const clicks = this.#prompted.clicks(frameIndex, objectId)
      const inside = clicks?.length ? null : mask.innerPoint()
      return {
        objectId,
        points: clicks?.length ? clicks : inside ? [inside] : [],
        mask,
        score: ious[i]!,
        visible: objectScores[i]! > 0,
        source: clicks ? ('point' as const) : ('propagated' as const),
      }
    })
    const image = { data, width, height, pixelAspect }
    return { frameIndex, timeNs, width, height, image, mask: measured.mask, objects }
  }

  async #call<T>(
    signal: AbortSignal | undefined,
    work: (call: AddonCallOptions) => Promise<T>,
  ): Promise<T> {
    this.#checkAlive()
    return withCancel(signal, work)
  }

  #checkAlive(): void {
    if (this.#disposed) throw new DisposedError('the video session was disposed')
  }
}

const toPoint = (click: Click): Point => {
  const [x, y] = 'x' in click ? [click.x, click.y] : click
  return { x, y }
}

const clearing = ({ clearOldPoints }: PromptOptions) =>
  clearOldPoints === undefined ? {} : { clearOldPoints }
