import { DisposedError, InvalidArgumentError } from '../engine/errors.js'
import { divideMemory } from '../load/divide-memory.js'
import { DTYPES, loadSettings, segmenterDtype } from '../load/settings.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { POINTER_LOAD_OPTIONS, Pointer, type PointerLoadOptions } from '../point/pointer.js'
import { Segmenter } from '../segment/segmenter.js'
import { checkSentence } from '../text/prompt.js'
import type { ClipSource } from '../video/frame.js'
import { openClip } from '../video/source.js'
import type { ClipSegmenter, Tracking } from './clip-segmenter.js'
import type { CountOptions, CountResult } from './count.js'
import { groundClip } from './ground.js'
import { nativeMaskWork } from './mask-work.js'
import type { GroundModels } from './models.js'
import { GROUND_OPTIONS, type GroundOptions, groundSettings, type PointOptions } from './options.js'
import type { PointResult } from './point.js'
import type { GroundResult } from './result.js'
import { GroundSession, SESSION_OPTIONS, type SessionOptions } from './session.js'

/**
 * `dtype` is both models'; the quantised ones are the pointer's, the segmenter has its default then.
 * `memoryBudget` is both models' together: the segmenter gets what it makes use of, the pointer the rest.
 */
export interface VideoMolmoLoadOptions extends PointerLoadOptions {
  /**
   * A checkpoint folder or a loaded pointer, which stays the caller's. Default: the embedded one.
   */
  pointer?: string | Pointer
  /**
   * A checkpoint folder, a loaded segmenter or one of the caller's own making, both of which stay
   * the caller's. Default: the embedded one.
   */
  segmenter?: string | Segmenter | ClipSegmenter
  /**
   * How SAM 2 follows objects between keyframes: with its memory (default) or frame by frame without
   * any, to measure what the memory is worth (table 15 of the paper).
   */
  tracking?: Tracking
}

const LOAD_OPTIONS: OptionNames<VideoMolmoLoadOptions> = {
  ...POINTER_LOAD_OPTIONS,
  pointer: true,
  segmenter: true,
  tracking: true,
}

/** Points, masks and tracks for a sentence: a pointer and a segmenter together. */
export class VideoMolmo<S extends Segmenter | ClipSegmenter = Segmenter>
  implements AsyncDisposable
{
  readonly pointer: Pointer
  readonly segmenter: S
  /** @internal What grounding works with. */
  readonly models: GroundModels
  readonly #owned: readonly AsyncDisposable[]
  #disposed = false

  private constructor(
    pointer: Pointer,
    segmenter: S,
    owned: readonly AsyncDisposable[],
    tracking?: Tracking,
  ) {
    this.pointer = pointer
    this.segmenter = segmenter
    this.models = {
      pointer,
      segmenter: clipSegmenter(segmenter, tracking),
      masks: nativeMaskWork,
    }
    this.#owned = owned
  }

  /**
   * @internal
   * @param owned models that `dispose` frees; models that the caller brought stay the caller's.
   */
  static of<S extends Segmenter | ClipSegmenter>(
    pointer: Pointer,
    segmenter: S,
    owned: readonly AsyncDisposable[],
    tracking?: Tracking,
  ): VideoMolmo<S> {
    return new VideoMolmo(pointer, segmenter, owned, tracking)
  }

  /**
   * Loads a pointer and a segmenter; without arguments the embedded models, which know drawn shapes
   * only.
   *
   * @throws what `Pointer.load` and `Segmenter.load` throw; INVALID_ARGUMENT for `tracking` together
   * with a segmenter of the caller's own making.
   */
  static load(
    options?: VideoMolmoLoadOptions & { segmenter?: string | Segmenter },
  ): Promise<VideoMolmo>
  static load<S extends ClipSegmenter>(
    options: VideoMolmoLoadOptions & { segmenter: S },
  ): Promise<VideoMolmo<S>>
  static async load(
    options: VideoMolmoLoadOptions = {},
  ): Promise<VideoMolmo<Segmenter | ClipSegmenter>> {
    checkOptions(LOAD_OPTIONS, options, 'VideoMolmo.load')
    const { pointer, segmenter, tracking, dtype, groupSize, tokenizer, ...shared } = options
    const budgets = await divideMemory(options)
    const owned: AsyncDisposable[] = []
    try {
      const points =
        pointer instanceof Pointer
          ? pointer
          : await Pointer.load(pointer, {
              ...shared,
              dtype,
              groupSize,
              tokenizer,
              ...budgets?.pointer,
            })
      if (points !== pointer) owned.push(points)
      const masks =
        typeof segmenter === 'object'
          ? segmenter
          : await Segmenter.load(segmenter, {
              ...shared,
              ...budgets?.segmenter,
              dtype: segmenterDtype(dtype, loadSettings(options, DTYPES).device),
            })
      if (masks instanceof Segmenter && masks !== segmenter) owned.push(masks)
      return VideoMolmo.of(points, masks, owned, tracking)
    } catch (error) {
      await Promise.all(owned.map(model => model[Symbol.asyncDispose]()))
      throw error
    }
  }

  /**
   * Masks, points and object ids for every frame of a clip, in order: the pointer is asked on every
   * k-th frame, its points become masks, the masks are propagated from both neighbouring keyframes
   * and fused (section 4.2 of the paper). Memory does not grow with the clip.
   *
   * @throws INVALID_ARGUMENT for a bad option or an empty sentence, DECODE_FAILED for a clip that
   * cannot be read, ABORTED, DISPOSED.
   */
  async *ground(
    source: ClipSource,
    query: string,
    options: GroundOptions = {},
  ): AsyncGenerator<GroundResult> {
    checkOptions(GROUND_OPTIONS, options, 'ground')
    this.#checkAlive()
    const settings = groundSettings(options, this.pointer.previousFrames)
    checkSentence(query)
    const clip = await openClip(source, options)
    yield* groundClip(this.models, clip, query, settings)
  }

  /** Points alone; see `Pointer.point`. */
  point(
    source: ClipSource,
    query: string,
    options: PointOptions = {},
  ): AsyncGenerator<PointResult> {
    return this.pointer.point(source, query, options)
  }

  /** Counts; see `Pointer.count`. */
  count(source: ClipSource, query: string, options: CountOptions = {}): Promise<CountResult> {
    return this.pointer.count(source, query, options)
  }

  /** Grounding of frames that are pushed one by one; see `GroundSession`. */
  openSession(query: string, options: SessionOptions = {}): GroundSession {
    checkOptions(SESSION_OPTIONS, options, 'openSession')
    this.#checkAlive()
    const { mode, signal: _, ...rest } = options
    const settings = groundSettings(rest, this.pointer.previousFrames)
    settings.keyframeBatch ??= 1
    if (mode === 'lag' && settings.keyframeBatch > 1) {
      throw new InvalidArgumentError(
        `mode lag answers one keyframe at a time, got keyframeBatch ${settings.keyframeBatch}`,
      )
    }
    checkSentence(query)
    return GroundSession.open((source, signal) => {
      const run = { ...settings, signal }
      return groundClip(this.models, source, query, run, mode === 'lag')
    }, options)
  }

  #checkAlive(): void {
    if (this.#disposed) throw new DisposedError('the model was disposed')
  }

  /** Frees the models that `load` loaded; running calls settle with ABORTED. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await Promise.all(this.#owned.map(model => model[Symbol.asyncDispose]()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

function clipSegmenter(
  segmenter: Segmenter | ClipSegmenter,
  tracking: Tracking | undefined,
): ClipSegmenter {
  if (segmenter instanceof Segmenter) return segmenter.tracking(tracking)
  if (typeof segmenter?.encode !== 'function' || typeof segmenter.openTrack !== 'function') {
    throw new InvalidArgumentError(
      'segmenter must be a path, a Segmenter or an object with encode and openTrack',
    )
  }
  if (tracking === undefined) return segmenter
  throw new InvalidArgumentError(
    `tracking says how SAM 2 follows objects; another segmenter has its own way, got ${JSON.stringify(tracking)}`,
  )
}
