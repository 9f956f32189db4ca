import type { AddonImageFeatures, AddonImagePrompt, AddonSegmenter } from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import { InvalidArgumentError, UnsupportedModelError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { SegmenterInfo } from '../engine/public-types.js'
import type { Capabilities } from '../families/family.js'
import { titlesOf } from '../families/index.js'
import { Mask } from '../formats/mask.js'
import { type ClipSegmenter, TRACKING, type Tracking } from '../ground/clip-segmenter.js'
import { CLICK_PLAN, type ClickPlan } from '../ground/more-clicks.js'
import { readCheckpoint } from '../hub/checkpoint.js'
import { checkLimit } from '../hub/memory.js'
import { LoadedModel } from '../load/loaded-model.js'
import {
  EMBEDDED,
  FLOAT_DTYPES,
  LOAD_OPTIONS,
  type LoadOptions,
  loadSettings,
  weightFiles,
} from '../load/settings.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { type ClipSource, PICTURE_OPTIONS, type PictureOptions } from '../video/frame.js'
import { readImage } from '../video/picture.js'
import { type RawFrame, type RgbImage, toRgb } from '../video/pixels.js'
import { FrameReader } from '../video/reader.js'
import { MemoryClipSegmenter } from './memory-clip-segmenter.js'
import { PerFrameClipSegmenter } from './per-frame-clip-segmenter.js'
import { type Click, type PromptBox, toAddonBox, toAddonPoints } from './prompts.js'
import { SegmenterVideo } from './segmenter-video.js'
import { SEGMENTER_VIDEO_OPTIONS, type SegmenterVideoOptions } from './video-types.js'

/** One object on one picture; at least one of points, box and maskInput. */
export interface SegmentPrompt {
  points?: readonly Click[]
  /** 1: on the object, 0: not on it. Default: all 1. */
  labels?: readonly number[]
  box?: PromptBox
  /** Low-resolution logits of an earlier result, [4g, 4g]. */
  maskInput?: Float32Array
}

export interface SegmentOptions extends PictureOptions {
  /** Three candidates per prompt instead of one. Default false. */
  multimask?: boolean
  /** Logit from which a pixel is object. Default 0. */
  maskThreshold?: number
  signal?: AbortSignal
}

/** How a picture is encoded. */
export interface EncodeOptions extends PictureOptions {
  signal?: AbortSignal
}

const PROMPT: OptionNames<SegmentPrompt> = {
  points: true,
  labels: true,
  box: true,
  maskInput: true,
}
const ENCODE_OPTIONS: OptionNames<EncodeOptions> = { ...PICTURE_OPTIONS, signal: true }
const SEGMENT_OPTIONS: OptionNames<SegmentOptions> = {
  ...ENCODE_OPTIONS,
  multimask: true,
  maskThreshold: true,
}

export interface SegmentResult {
  /** One mask, or three with `multimask`. */
  masks: Mask[]
  /** Predicted IoU per mask. */
  scores: number[]
  /** Logits [4g, 4g] per mask, clamped to +-32; a `maskInput` of a later call. */
  lowResLogits: Float32Array[]
}

/** A picture for one-image segmentation: a path or pixels. */
export type ImageSource = string | RawFrame

/** The image features of one picture; any number of prompts can be answered from them. */
export interface EncodedImage {
  readonly width: number
  readonly height: number
  /** @internal */
  readonly features: AddonImageFeatures
  dispose(): void
}

const readPixels = async (image: ImageSource, options: PictureOptions): Promise<RgbImage> =>
  typeof image === 'string' ? readImage(image, options) : toRgb(image, 'image')

const isEncoded = (image: ImageSource | EncodedImage): image is EncodedImage =>
  typeof image === 'object' && 'features' in image

/** SAM 2 on pictures and videos. */
export class Segmenter extends LoadedModel<SegmenterInfo> {
  /** @internal */
  readonly handle: AddonSegmenter
  /** @internal */
  readonly capabilities: Capabilities

  private constructor(handle: AddonSegmenter, capabilities: Capabilities) {
    super(handle, 'segmenter')
    this.handle = handle
    this.capabilities = capabilities
  }

  /** @internal A segmenter of a model in the engine. */
  static of(handle: AddonSegmenter, capabilities: Capabilities): Segmenter {
    return new Segmenter(handle, capabilities)
  }

  /**
   * Loads SAM 2 or 2.1 from a checkpoint folder (config.json and weights, in the original names or those
   * of transformers), from one file such as the authors' .pt, or from Hugging Face by its id
   * ("owner/name" or "owner/name@revision"); without a path, the embedded one.
   *
   * @throws MODEL_NOT_FOUND, CHECKPOINT_INVALID (naming the file or tensor), UNSUPPORTED_MODEL,
   * OUT_OF_MEMORY, DEVICE_UNAVAILABLE, DOWNLOAD_FAILED, INVALID_ARGUMENT, ABORTED.
   */
  static async load(
    path: string = EMBEDDED.segmenter,
    options: LoadOptions = {},
  ): Promise<Segmenter> {
    checkOptions(LOAD_OPTIONS, options, 'Segmenter.load')
    const settings = loadSettings(options, FLOAT_DTYPES)
    const checkpoint = await readCheckpoint(path, options)
    if (checkpoint.kind !== 'segmenter') {
      throw new UnsupportedModelError(`${path}: expected a ${titlesOf('segmenter')} checkpoint`)
    }
    checkLimit(checkpoint, settings)
    const { family, attributes, capabilities, names } = checkpoint
    const native = addon()
    const weights = weightFiles(checkpoint.weights, options)
    const handle = await withCancel(options.signal, call =>
      native.loadSegmenter({
        ...settings,
        ...call,
        family,
        attributes,
        ...(names === undefined ? {} : { names }),
        weights,
      }),
    )
    return Segmenter.of(handle, capabilities)
  }

  /** Computes the image features of a picture once, for many prompts. */
  async encode(image: ImageSource, options: EncodeOptions = {}): Promise<EncodedImage> {
    checkOptions(ENCODE_OPTIONS, options, 'encode')
    this.checkAlive()
    const pixels = await readPixels(image, options)
    const { features } = await withCancel(options.signal, call => this.handle.encode(pixels, call))
    const { width, height } = pixels
    return { width, height, features, dispose: () => features.dispose() }
  }

  /**
   * Segments a picture: one result per prompt, in order. All prompts share the picture's features.
   *
   * @throws INVALID_ARGUMENT for points or boxes that are no numbers or lie outside the picture.
   */
  async segment(
    image: ImageSource | EncodedImage,
    prompts: SegmentPrompt | readonly SegmentPrompt[],
    options: SegmentOptions = {},
  ): Promise<SegmentResult[]> {
    checkOptions(SEGMENT_OPTIONS, options, 'segment')
    this.checkAlive()
    const { signal, exifOrientation, multimask = false, maskThreshold = 0 } = options
    const list = Array.isArray(prompts) ? prompts : [prompts as SegmentPrompt]
    const encoded = isEncoded(image) ? image : await this.encode(image, { signal, exifOrientation })
    try {
      const { width, height } = encoded
      const asked = list.map((prompt, i) => toAddonPrompt(prompt, width, height, `prompt ${i}`))
      const found = await withCancel(signal, call =>
        this.handle.segment(encoded.features, asked, { multimask, maskThreshold, ...call }),
      )
      return list.map((_, i) => toSegmentResult(found, i, width, height))
    } finally {
      if (encoded !== image) encoded.dispose()
    }
  }

  /**
   * Opens a video for prompts and propagation.
   *
   * @param source a file, a folder of pictures or frames in memory.
   */
  async openVideo(
    source: ClipSource,
    options: SegmenterVideoOptions = {},
  ): Promise<SegmenterVideo> {
    checkOptions(SEGMENTER_VIDEO_OPTIONS, options, 'openVideo')
    this.checkAlive()
    const reader = await FrameReader.open(source, options)
    return SegmenterVideo.open(this.handle, reader, options)
  }

  /**
   * The model as grounding uses it: with its memory (the default where it has one), or frame by frame
   * without any.
   *
   * @param clicks per object, with memory only. Default: the pointer's own click alone.
   * @throws INVALID_ARGUMENT for another word.
   */
  tracking(
    how: Tracking = this.capabilities.videoMemory ? 'memory' : 'per-frame',
    clicks?: ClickPlan,
  ): ClipSegmenter {
    this.checkAlive()
    if (!TRACKING.includes(how)) {
      throw new InvalidArgumentError(
        `tracking must be one of ${TRACKING.join(', ')}, got ${JSON.stringify(how)}`,
      )
    }
    if (clicks) checkOptions(CLICK_PLAN, clicks, 'tracking')
    if (how === 'memory') return new MemoryClipSegmenter(this.handle, clicks)
    if (clicks) throw new InvalidArgumentError('more clicks need tracking with memory')
    return new PerFrameClipSegmenter(this.handle)
  }
}

function toAddonPrompt(
  prompt: SegmentPrompt,
  width: number,
  height: number,
  what: string,
): AddonImagePrompt {
  checkOptions(PROMPT, prompt, what)
  const { points, labels, box, maskInput } = prompt
  if (!points?.length && !box && !maskInput) {
    throw new InvalidArgumentError(`${what} needs points, a box or a mask`)
  }
  return {
    ...(points?.length ? toAddonPoints(points, labels, width, height, what) : {}),
    ...(box ? { box: toAddonBox(box, width, height, what) } : {}),
    ...(maskInput ? { maskInput } : {}),
  }
}

function toSegmentResult(
  found: { count: number; masks: Uint8Array[]; lowResLogits: Float32Array[]; ious: Float32Array[] },
  prompt: number,
  width: number,
  height: number,
): SegmentResult {
  const { count } = found
  const split = <T extends Uint8Array | Float32Array>(data: T): T[] => {
    const size = data.length / count
    return Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size) as T)
  }
  return {
    masks: split(found.masks[prompt]!).map(data => new Mask(data, width, height)),
    scores: [...found.ious[prompt]!],
    lowResLogits: split(found.lowResLogits[prompt]!),
  }
}
