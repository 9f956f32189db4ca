import type { AddonPointer } from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import { InvalidArgumentError, typed, UnsupportedModelError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import type { PointerInfo } from '../engine/public-types.js'
import type { Capabilities, PointerText } from '../families/family.js'
import { pointerFamily, titlesOf } from '../families/index.js'
import {
  COUNT_OPTIONS,
  type CountOptions,
  type CountResult,
  checkCountRule,
  combineCounts,
} from '../ground/count.js'
import type { PointerBatch, PointerStream } from '../ground/models.js'
import { POINT_OPTIONS, type PointOptions, pointSettings } from '../ground/options.js'
import { type PointResult, pointClip } from '../ground/point.js'
import { readCheckpoint } from '../hub/checkpoint.js'
import { checkLimit } from '../hub/memory.js'
import { resolveTokenizer } from '../hub/resolve.js'
import { LoadedModel } from '../load/loaded-model.js'
import {
  DTYPES,
  type Dtype,
  EMBEDDED,
  LOAD_OPTIONS,
  type LoadOptions,
  loadSettings,
  weightFiles,
} from '../load/settings.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { checkSentence } from '../text/prompt.js'
import type { ClipSource } from '../video/frame.js'
import { openClip } from '../video/source.js'
import { SentenceStream } from './sentence-stream.js'

/** @internal What a pointer is made of; see `Pointer.load`. */
export interface PointerParts {
  handle: AddonPointer
  text: PointerText
  capabilities: Capabilities
}

export interface PointerLoadOptions extends LoadOptions<Dtype> {
  /** Weights that share a scale with dtype 'int4': 64 (default) or 128. */
  groupSize?: 64 | 128
  /**
   * Folder with tokenizer.json, or the id of a repository that has it, for a checkpoint that has none of
   * its own. A VideoMolmo that is named by its id takes that of the model it was made from by itself.
   */
  tokenizer?: string
}

export const POINTER_LOAD_OPTIONS: OptionNames<PointerLoadOptions> = {
  ...LOAD_OPTIONS,
  groupSize: true,
  tokenizer: true,
}

/** VideoMolmo, Molmo and their like: frames and a sentence in, points out. */
export class Pointer extends LoadedModel<PointerInfo> {
  /** Previous frames that the model looks at; 0 for Molmo. */
  readonly previousFrames: number
  /** @internal */
  readonly capabilities: Capabilities
  readonly #handle: AddonPointer
  readonly #text: PointerText

  private constructor({ handle, text, capabilities }: PointerParts) {
    super(handle, 'pointer')
    this.#handle = handle
    this.capabilities = capabilities
    this.previousFrames = capabilities.previousFrames
    this.#text = text
  }

  /** @internal A pointer of its parts. */
  static of(parts: PointerParts): Pointer {
    return new Pointer(parts)
  }

  /**
   * Loads a pointer from a checkpoint folder as it is on Hugging Face (config.json, weights,
   * tokenizer.json), or from there by its id ("owner/name" or "owner/name@revision", where nothing lies
   * at that path); without a path, the embedded one.
   *
   * @throws MODEL_NOT_FOUND, CHECKPOINT_INVALID (naming the file or tensor), UNSUPPORTED_MODEL,
   * OUT_OF_MEMORY, DEVICE_UNAVAILABLE, DOWNLOAD_FAILED, INVALID_ARGUMENT, ABORTED.
   */
  static async load(
    path: string = EMBEDDED.pointer,
    options: PointerLoadOptions = {},
  ): Promise<Pointer> {
    checkOptions(POINTER_LOAD_OPTIONS, options, 'Pointer.load')
    const settings = { ...loadSettings(options, DTYPES), groupSize: groupSize(options) }
    const checkpoint = await readCheckpoint(path, options)
    if (checkpoint.kind !== 'pointer') {
      throw new UnsupportedModelError(`${path}: expected a ${titlesOf('pointer')} checkpoint`)
    }
    const { family, attributes, capabilities, folder, names } = checkpoint
    checkLimit(checkpoint, settings)
    const other =
      options.tokenizer === undefined
        ? checkpoint.tokenizer
        : await resolveTokenizer(options.tokenizer, options)
    const folders = other === undefined ? [folder] : [folder, other]
    const text = await pointerFamily(family).text(checkpoint, folders)
    const weights = weightFiles(checkpoint.weights, options)
    const native = addon()
    const handle = await withCancel(options.signal, call =>
      native.loadPointer({
        ...settings,
        ...call,
        family,
        attributes,
        ...(names === undefined ? {} : { names }),
        weights,
      }),
    )
    return Pointer.of({ handle, text, capabilities })
  }

  /**
   * Points at what a sentence names, on every k-th frame of a clip (default: every frame).
   *
   * @throws INVALID_ARGUMENT for a bad option or an empty sentence, DECODE_FAILED for a clip that
   * cannot be read, ABORTED, DISPOSED.
   */
  async *point(
    source: ClipSource,
    query: string,
    options: PointOptions = {},
  ): AsyncGenerator<PointResult> {
    checkOptions(POINT_OPTIONS, options, 'point')
    yield* this.#point(source, query, options)
  }

  async *#point(
    source: ClipSource,
    query: string,
    options: PointOptions,
  ): AsyncGenerator<PointResult> {
    this.checkAlive()
    const settings = pointSettings(options, this.previousFrames, 1)
    checkSentence(query)
    const clip = await openClip(source, options)
    yield* pointClip(this, clip, query, settings)
  }

  /**
   * Counts what a sentence names: points on every k-th frame (default 10), combined by `rule`.
   */
  async count(source: ClipSource, query: string, options: CountOptions = {}): Promise<CountResult> {
    checkOptions(COUNT_OPTIONS, options, 'count')
    const rule = checkCountRule(options.rule)
    const frames: CountResult['frames'] = []
    const sampled = { ...options, keyframeEvery: options.keyframeEvery ?? 10 }
    for await (const { frameIndex, timeNs, points } of this.#point(source, query, sampled)) {
      frames.push({ frameIndex, timeNs, count: points.length })
    }
    const count = combineCounts(
      frames.map(frame => frame.count),
      rule,
    )
    return { count, frames }
  }

  /** @internal How much goes side by side within the model's memory; what `openStream` is best opened for. */
  get batch(): PointerBatch {
    const { sequences, frames } = this.info
    return { answers: sequences, frames }
  }

  /**
   * A ring of encoded frames of one clip.
   *
   * @internal
   * @param images frames that are kept prepared for questions, beside the encoded ones.
   */
  openStream(capacity: number, images = 1): PointerStream {
    this.checkAlive()
    const stream = typed(() => this.#handle.openStream({ capacity, images }))
    return new SentenceStream(stream, this.#text)
  }
}

function groupSize({ groupSize = 64, dtype }: PointerLoadOptions): 64 | 128 {
  if (groupSize !== 64 && groupSize !== 128) {
    throw new InvalidArgumentError(`groupSize must be 64 or 128, got ${groupSize}`)
  }
  if (groupSize !== 64 && dtype !== 'int4') {
    throw new InvalidArgumentError(`groupSize goes with dtype int4, got dtype ${dtype ?? 'stored'}`)
  }
  return groupSize
}
