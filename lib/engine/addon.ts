/**
 * The exact shape of the native addon. Nothing else in the library casts; everything here is thin: handles,
 * promises and buffers. Every asynchronous call runs on the engine thread of the model it belongs to, in
 * order, and rejects with an error that carries a `code`.
 *
 * Pixel and mask buffers are borrowed until the promise settles and are never copied on the way in.
 */

import type { AddonMaskJobs } from './masks-addon.js'
import type {
  AnswerStats,
  FusionStrategy,
  MaskComparison,
  PointerInfo,
  SegmenterInfo,
} from './public-types.js'

export type AddonDType = 'F32' | 'BF16' | 'I32' | 'I64' | 'U8'

/** Interleaved 8-bit RGB, rows `stride` bytes apart (default 3 * width). */
export interface AddonImage {
  data: Uint8Array
  width: number
  height: number
  stride?: number
}

/** A tensor copied out of the engine, row-major. */
export interface AddonTensor {
  dtype: AddonDType
  shape: number[]
  data: Float32Array | Int32Array | BigInt64Array | Uint8Array
}

export type AddonTensors = Record<string, AddonTensor>

/** Raised from JavaScript, read by the model between layers. */
export interface AddonCancel {
  raise(): void
}

/** Milliseconds per stage. */
export type AddonTimes = Record<string, number>

/** One tensor of a checkpoint: name, dtype as in the file, shape, and the shard that it lies in. */
export interface TensorRow {
  name: string
  dtype: string
  shape: number[]
  file: string
}

export type AttributeValue =
  | number
  | boolean
  | string
  | null
  | readonly AttributeValue[]
  | { readonly [name: string]: AttributeValue }

/**
 * What a model is built from. Its family reads and checks them and knows what one that is left out, or null,
 * means; the names are in native/<family>/config.cc.
 */
export type Attributes = { readonly [name: string]: AttributeValue }

/** Where weights come from: a file, a folder of shards, or generated values (golden sets, benchmarks). */
export interface AddonWeights {
  path?: string
  /** Files are mapped (true) or read (false). Default: mapped on local file systems. */
  mmap?: boolean
  hash?: boolean
  /** Generated weights only: name -> value * mul + add, applied after generation (golden sets). */
  adjust?: Record<string, { mul?: number; add?: number }>
  /** Generated weights only: what the values are stored as. Default 'fp32'. */
  stored?: 'fp32' | 'bf16'
}

export type AddonFloatDtype = 'fp32' | 'bf16' | 'stored'

/** Pointers can be quantised on load; native/tensor/weight.h has the formats. */
export type AddonWeightDtype = AddonFloatDtype | 'int8' | 'int4' | 'fp4'

export interface AddonLoadOptions<Dtype extends AddonWeightDtype = AddonFloatDtype> {
  /** One of `families()`. */
  family: string
  attributes: Attributes
  weights: AddonWeights
  /** What the tensors are called, for families that know more than one way. */
  names?: string
  /** How matrices are held: 'fp32' widens, 'bf16' narrows, 'stored' keeps the file's dtype. */
  dtype: Dtype
  /** Weights that share a scale with 'int4': 64 (default) or 128. */
  groupSize?: number
  /** 0: one per available core. */
  threads: number
  /** 'cpu' (default), 'cuda' or 'cuda:<index>'. */
  device?: string
  /** Bytes that weights and work may take; absent: include/videomolmo/load.h. */
  memoryLimit?: number
  cancel?: AddonCancel
}

/** What a model's work takes beside the weights, in bytes. */
export interface AddonWorkMemory {
  /** For one answer, or one object. */
  leastBytes: number
  /** For all that goes side by side. */
  bytes: number
  /** Features of one frame (the pointer's: of the most crops). */
  frameBytes: number
  activationBytes: number
}

export interface AddonPointerMemory extends AddonWorkMemory {
  sequences: number
  frames: number
  /** Of a sequence of the usual length: image, text and answer. */
  positions: number
  /** Keys, values and embeddings of one such sequence. */
  sequenceBytes: number
}

export interface AddonSegmenterMemory extends AddonWorkMemory {
  objects: number
  objectBytes: number
}

/** `available`: bytes beside the weights; absent: any. */
export interface AddonMemoryOptions {
  family: string
  attributes: Attributes
  device?: string
  available?: number
}

/** Of the memory that a model's tensors lie in, in bytes: its GPU's (weights included), or the heap. */
export interface AddonMemoryUse {
  taken: number
  /** Of them, in no tensor and no graph. */
  idle: number
  /** The most that was in tensors at a time. */
  peak: number
  /** Of the host's memory, that copies to a GPU go through. */
  pinned: number
  /** How often the GPU or the system was asked for memory. */
  allocations: number
}

// --- pointer -----------------------------------------------------------------------------------------

export interface AddonAnswerRequest {
  frameIndex: number
  /** Text token ids, without BOS and image tokens; the engine builds the sequence (docs/spec/videomolmo.md 4.3). */
  promptIds: Int32Array
  /** A guess at the answer's ids. It changes the number of steps and nothing else. */
  draft?: Int32Array
}

export interface AddonAnswerOptions {
  /** Default 300. */
  maxNewTokens?: number
  /** Ids that end an answer, beside the model's eos. */
  stopIds?: Int32Array
  /** Previous frames to use, at most those that the model looks at; the missing ones are black. Default all. */
  contextFrames?: number
  /** Use black previous frames even where real ones exist. Default false. */
  blackContext?: boolean
  cancel?: AddonCancel
  /** Record every stage under its golden name. */
  trace?: boolean
}

export interface AddonAnswer {
  /** Generated ids without the stopping one. */
  ids: Int32Array
  stopped: 'eos' | 'stop' | 'length'
  times: AddonTimes
  stats: AnswerStats
  tensors?: AddonTensors
}

/** The features of a clip's recent frames: a ring that holds the last `capacity` encoded frames. */
export interface AddonPointerStream {
  /** Encodes a frame once; the oldest frame leaves when the ring is full. Frames must share one size. */
  encode(
    frameIndex: number,
    image: AddonImage,
    options?: { cancel?: AddonCancel; trace?: boolean },
  ): Promise<{ times: AddonTimes; tensors?: AddonTensors }>
  /** Several frames as one batch, not more than the ring holds; the features are the same. */
  encodeBatch(
    frames: { frameIndex: number; image: AddonImage }[],
    options?: { cancel?: AddonCancel },
  ): Promise<{ times: AddonTimes }>
  /**
   * Does the vision work of a question about an encoded frame, so that the frame and its predecessors
   * may leave the ring before the question is asked.
   */
  prepare(
    frameIndex: number,
    options?: Pick<AddonAnswerOptions, 'contextFrames' | 'blackContext' | 'cancel'>,
  ): Promise<{ times: AddonTimes }>
  has(frameIndex: number): boolean
  /** Answers for encoded or prepared frames; the requests are independent and run as one batch. */
  answer(requests: AddonAnswerRequest[], options?: AddonAnswerOptions): Promise<AddonAnswer[]>
  dispose(): void
}

export interface AddonPointer {
  info(): PointerInfo
  /** Settles when the device has done everything that was asked of it before. */
  memory(): Promise<AddonMemoryUse>
  /** `images`: frames that are kept ready for the language model, beside the encoded ones (default 8). */
  openStream(options?: { capacity?: number; images?: number }): AddonPointerStream
  /** Preprocessing alone (no model weights used): crops, image_input_idx, tiling, image masks. */
  preprocess(image: AddonImage): Promise<AddonTensors>
  /** Settles when running work has stopped and memory is released; pending calls reject with DISPOSED. */
  dispose(): Promise<void>
}

// --- segmenter ---------------------------------------------------------------------------------------
//
// Traced tensors carry the golden sets' names and layouts:
//   encode   prep.image_predictor | prep.video_loader, prep.pil_bicubic_u8, trunk.*, fpn.*, fpn_pos.2, high_res.*,
//            vision_features, image_embed, dense_pe
//   segment  sparse, dense (mask prompts), all_masks, all_iou, mask_tokens_out, object_score, stability, low_res
//            (not clamped), iou, dec.*; prompts of equal token counts are one batch (leading axis)
//   video    f<frame>.o<object>.{memattn.memory, memattn.memory_pos, memattn.out, memattn.layer.<i>,
//            memattn.n_tokens, iou, low_res_raw, low_res, obj_ptr, object_score, maskmem}; commit():
//            preflight.f<frame>.o<object>.maskmem

/** One frame's image features; shared by objects, directions and sessions. */
export interface AddonImageFeatures {
  readonly width: number
  readonly height: number
  dispose(): void
}

/** One prompt on one picture. Points are x, y pairs in pixels of the original picture. */
export interface AddonImagePrompt {
  points?: Float32Array
  /** 1 positive, 0 negative. */
  labels?: Int32Array
  /** x0, y0, x1, y1. */
  box?: Float32Array
  /** Low-resolution logits [4g, 4g] of an earlier call. */
  maskInput?: Float32Array
}

export interface AddonImageMasks {
  /** Masks per prompt: 3 with multimask, else 1. */
  count: number
  /** u8 0/1, [count, H, W] per prompt. */
  masks: Uint8Array[]
  /** [count, 4g, 4g], clamped to +-32. */
  lowResLogits: Float32Array[]
  ious: Float32Array[]
}

export interface AddonVideoOptions {
  width: number
  height: number
  /** Frames of the clip; 0 when unknown (live). Shapes the pointers' temporal encoding (P = min(N, 16)). */
  frameCount: number
  fillHoleArea?: number
  nonOverlapMasks?: boolean
  binarizeMaskFromPoints?: boolean
  addAllFramesToCorrectAsCond?: boolean
  clearMemoryAroundInput?: boolean
  memoryStride?: number
  maxConditioningFrames?: number
  /** Keep a user's correction when a later pass crosses its frame (default true; false = the reference). */
  keepCorrections?: boolean
}

export interface AddonFrameMasks {
  frameIndex: number
  objectIds: number[]
  /** u8 0/1 [H, W] per object. */
  masks: Uint8Array[]
  /** Predicted IoU of the chosen mask and the object score logit, per object. */
  ious: Float32Array
  objectScores: Float32Array
  times: AddonTimes
  /** Mask logits at video resolution [objects, H, W] and low resolution, when asked for with `logits: true`. */
  logits?: Float32Array
  lowResLogits?: Float32Array
  tensors?: AddonTensors
}

export interface AddonCallOptions {
  cancel?: AddonCancel
  logits?: boolean
  trace?: boolean
}

/** docs/spec/sam2.md 13. The caller brings the image features of the frame that a call needs. */
export interface AddonVideo {
  addPoints(
    frameIndex: number,
    features: AddonImageFeatures,
    objectId: number,
    prompt: {
      points?: Float32Array
      labels?: Int32Array
      box?: Float32Array
      clearOldPoints?: boolean
      normalized?: boolean
    },
    options?: AddonCallOptions,
  ): Promise<AddonFrameMasks>
  /** mask: u8 0/1 [height, width], any size. */
  addMask(
    frameIndex: number,
    features: AddonImageFeatures,
    objectId: number,
    mask: { data: Uint8Array; width: number; height: number },
    options?: AddonCallOptions,
  ): Promise<AddonFrameMasks>
  clearPromptsInFrame(
    frameIndex: number,
    objectId: number,
    options?: AddonCallOptions,
  ): Promise<AddonFrameMasks>
  removeObject(
    objectId: number,
    options?: AddonCallOptions & { strict?: boolean },
  ): Promise<AddonFrameMasks[]>
  /** Frames whose prompts have not entered memory yet; each needs commit() before a pass. */
  promptedFrames(): number[]
  commit(
    frameIndex: number,
    features: AddonImageFeatures,
    options?: AddonCallOptions,
  ): Promise<{ times: AddonTimes; tensors?: AddonTensors }>
  /** The frames of a pass, in order: from `startFrame` (the first prompted one), at most `maxFrames` further ones. */
  planPropagation(options: { startFrame?: number; maxFrames?: number; reverse?: boolean }): number[]
  /** One frame of a pass, all objects as one batch; `features` may be null where none are needed. */
  track(
    frameIndex: number,
    features: AddonImageFeatures | null,
    options?: AddonCallOptions & { reverse?: boolean },
  ): Promise<AddonFrameMasks>
  /** Whether track() of this frame needs image features (false when all objects are conditioned there). */
  needsFeatures(frameIndex: number): boolean
  /** Drops tracked results and memories of frames outside [first, last]; conditioning frames stay. */
  forget(first: number, last: number): void
  objectIds(): number[]
  reset(): void
  dispose(): void
}

export interface AddonSegmenter {
  info(): SegmenterInfo
  /** Settles when the device has done everything that was asked of it before. */
  memory(): Promise<AddonMemoryUse>
  /** mode 'image': float antialiased bilinear; 'video': Pillow's bicubic (docs/spec/sam2.md 2). */
  encode(
    image: AddonImage,
    options?: AddonCallOptions & { mode?: 'image' | 'video' },
  ): Promise<{ features: AddonImageFeatures; times: AddonTimes; tensors?: AddonTensors }>
  segment(
    features: AddonImageFeatures,
    prompts: AddonImagePrompt[],
    options?: AddonCallOptions & {
      multimask?: boolean
      maskThreshold?: number
      maxHoleArea?: number
      maxSprinkleArea?: number
    },
  ): Promise<AddonImageMasks & { times: AddonTimes; tensors?: AddonTensors }>
  openVideo(options: AddonVideoOptions): AddonVideo
  dispose(): Promise<void>
}

// --- masks -------------------------------------------------------------------------------------------

export interface AddonMask {
  /** u8 0/1, row-major. */
  data: Uint8Array
  width: number
  height: number
}

export interface AddonFusion {
  data: Uint8Array
  branch: 'forward' | 'backward' | 'intersection' | 'union' | 'empty'
  intersection: number
  union: number
}

export interface AddonLabelPairs {
  /** Labels 1 .. truthLabels of the truth, 1 .. predictedLabels of the prediction; at most 255. */
  truthLabels: number
  predictedLabels: number
  /** Every predicted label with every truth label; default label k with label k. */
  all?: boolean
  /** Pixels where the truth has this label count for neither. */
  ignoredLabel?: number
  radius: number
}

export interface Addon extends AddonMaskJobs {
  version(): string
  cpu(): { selected: string; available: string[]; cores: number }
  cuda(): {
    built: boolean
    driverVersion: string | null
    reason: string | null
    devices: { name: string; computeCapability: string; totalBytes: number; freeBytes: number }[]
    cublasLt: { version: string; path: string } | { reason: string }
  }
  /** GFLOP/s of an f32 matrix product and GB/s of reading memory, measured for about a second. 0 threads: all. */
  measureLimits(threads: number): { gflops: number; gigabytesPerSecond: number }
  createCancel(): AddonCancel
  /** Names of the families that are there. */
  families(): { pointer: string[]; segmenter: string[] }
  loadPointer(options: AddonLoadOptions<AddonWeightDtype>): Promise<AddonPointer>
  loadSegmenter(options: AddonLoadOptions): Promise<AddonSegmenter>
  /** What a pointer would do with so much memory. */
  pointerMemory(options: AddonMemoryOptions): AddonPointerMemory
  segmenterMemory(options: AddonMemoryOptions): AddonSegmenterMemory
  /** Bytes of these tensors when they are loaded so: what `info().weightBytes` will be. */
  weightBytes(
    options: Pick<
      AddonLoadOptions<AddonWeightDtype>,
      'family' | 'attributes' | 'names' | 'dtype' | 'groupSize' | 'device'
    > & { tensors: readonly Pick<TensorRow, 'name' | 'dtype' | 'shape'>[] },
  ): number
  /** Names, dtypes and shapes of a file of weights (safetensors, PyTorch) or a folder with them. */
  listTensors(path: string): TensorRow[]
  /** Reads tensors of a file of weights (golden sets). */
  readTensors(path: string, names?: string[]): AddonTensors
  /**
   * Writes the tensors of a file or folder as safetensors: to a file of that name, or into a folder. Gives
   * the paths written.
   */
  saveWeights(
    from: string,
    to: string,
    options: { dtype: AddonFloatDtype; shardBytes?: number; cancel?: AddonCancel },
  ): Promise<string[]>
  /** True where a file or folder lies on a network or FUSE file system; its weights are not mapped. */
  isRemoteFile(path: string): boolean
  fuseMasks(
    forward: AddonMask | null,
    backward: AddonMask | null,
    options: { tau: number; strategy: FusionStrategy },
  ): AddonFusion
  maskOverlap(a: AddonMask, b: AddonMask): { intersection: number; union: number }
  /**
   * Squared Euclidean distance from every pixel of the mask to the nearest pixel of its rim, exact;
   * [height, width], 0 on the rim, -1 outside the mask. The rim is the mask's pixels with at least
   * one of the four side neighbours outside it; beyond the frame is outside. Sides of at most 32768.
   */
  rimDistances(mask: AddonMask): Int32Array
  /**
   * The line along a mask that the boundary measure F compares, u8 0/1 [height, width]: pixels that
   * differ from their right, lower or lower-right neighbour. Pixels that `ignored` marks are outside.
   */
  boundaryMap(mask: AddonMask, ignored?: AddonMask): Uint8Array
  /** The counts behind J and F; boundaries match within a disk of `radius` pixels, at least 1. */
  compareMasks(
    truth: AddonMask,
    predicted: AddonMask,
    radius: number,
    ignored?: AddonMask,
  ): MaskComparison
  /**
   * The same for the labels of two label maps (null: without any object). One entry per label of the
   * truth, or with `all` [predicted label][truth label].
   */
  compareLabels(
    truth: AddonMask,
    predicted: AddonMask | null,
    options: AddonLabelPairs,
  ): MaskComparison[]
  /** COCO run-length counts, column-major, first run background. */
  encodeRle(mask: AddonMask): Uint32Array
  decodeRle(counts: Uint32Array, width: number, height: number): Uint8Array
}
