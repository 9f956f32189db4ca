import type { Expression, Sequence } from '../datasets/dataset.js'
import type { ClipSegmenter, Tracking } from '../ground/clip-segmenter.js'
import type { GroundModels } from '../ground/models.js'
import type { ClickPlan } from '../ground/more-clicks.js'
import type { FusionStrategy, PointOptions } from '../ground/options.js'
import type { GroundResult } from '../ground/result.js'
import type { VideoMolmo } from '../ground/videomolmo.js'
import { CachedModels } from './cached-models.js'
import type { Subject } from './predict.js'
import {
  groundSentence,
  type LoadedClip,
  loadClip,
  type MaskRecord,
  measureMasks,
  measurePoints,
  openSentence,
  type PointRecord,
  type Sentence,
} from './sentence.js'

/** Everything that can be set at a measurement without loading another model. */
export interface Setting {
  /** k; Infinity asks on the first frame only. */
  keyframeEvery: number
  /** l */
  contextFrames: number
  tau: number
  strategy: FusionStrategy
  tracking: Tracking
  clicks: ClickPlan
}

/** Section 4.2 of the paper. */
export const defaultSetting = (previousFrames: number): Setting => ({
  keyframeEvery: 5,
  contextFrames: previousFrames,
  tau: 0.7,
  strategy: 'bidirectional',
  tracking: 'memory',
  clicks: { points: 1, negative: false },
})

/** Loaded models, with the ways in which their segmenter can follow objects. */
export interface TrialModels extends Subject {
  follow: (tracking: Tracking, clicks: ClickPlan) => ClipSegmenter
}

/** What a trial needs of loaded models. */
export function trialModels({ models, pointer, segmenter }: VideoMolmo): TrialModels {
  return {
    models,
    previousFrames: pointer.previousFrames,
    follow: (tracking, clicks) =>
      segmenter.tracking(tracking, tracking === 'memory' ? clicks : undefined),
  }
}

const isPlain = ({ tracking, clicks }: Setting) =>
  tracking === 'memory' && clicks.points === 1 && !clicks.negative

/**
 * One clip on which many settings are tried: what settings share is computed once. All frames stay
 * in memory with their features until `dispose`.
 */
export class ClipTrial implements Disposable {
  readonly clip: LoadedClip
  readonly #loaded: TrialModels
  readonly #cached: CachedModels
  readonly #others = new Map<string, GroundModels>()

  private constructor(clip: LoadedClip, loaded: TrialModels) {
    this.clip = clip
    this.#loaded = loaded
    this.#cached = new CachedModels(loaded.models, clip.frames.length)
  }

  static async open(sequence: Sequence, loaded: TrialModels): Promise<ClipTrial> {
    return new ClipTrial(await loadClip(sequence), loaded)
  }

  async sentence(expression: Expression): Promise<SentenceTrial> {
    return new SentenceTrial(this, await openSentence(this.clip, expression))
  }

  subject(setting?: Setting): Subject {
    const { previousFrames } = this.#loaded
    return { models: this.#modelsOf(setting), previousFrames }
  }

  #modelsOf(setting: Setting | undefined): GroundModels {
    if (!setting || isPlain(setting)) return this.#cached
    const { tracking, clicks } = setting
    const key = JSON.stringify([tracking, clicks])
    const models = this.#others.get(key) ?? this.#cached.with(this.#loaded.follow(tracking, clicks))
    this.#others.set(key, models)
    return models
  }

  [Symbol.dispose](): void {
    this.#cached.dispose()
  }
}

/** One sentence of a clip on trial. */
export class SentenceTrial {
  readonly sentence: Sentence
  readonly #trial: ClipTrial
  readonly #points = new Map<string, Promise<PointRecord>>()
  readonly #masks = new Map<string, MaskRecord>()

  constructor(trial: ClipTrial, sentence: Sentence) {
    this.#trial = trial
    this.sentence = sentence
  }

  points(options: Pick<PointOptions, 'keyframeEvery' | 'contextFrames' | 'blackContext'>) {
    const key = JSON.stringify(options)
    const known =
      this.#points.get(key) ?? measurePoints(this.#trial.subject(), this.sentence, options)
    this.#points.set(key, known)
    return known
  }

  /**
   * J and F under each of the settings, in order. Settings that differ in their fusion only share a
   * grounding; its masks are let go before the next one.
   */
  async masks(settings: readonly Setting[]): Promise<MaskRecord[]> {
    const groups = new Map<string, Setting[]>()
    for (const setting of settings) {
      if (this.#masks.has(this.#key(setting))) continue
      const key = this.#groundingKey(setting)
      groups.set(key, [...(groups.get(key) ?? []), setting])
    }
    for (const group of groups.values()) {
      const subject = this.#trial.subject(group[0])
      const results = await this.#ground(subject, group[0]!)
      for (const setting of group) {
        const record = measureMasks(this.sentence, results, setting)
        this.#masks.set(this.#key(setting), record)
      }
    }
    return settings.map(setting => this.#masks.get(this.#key(setting))!)
  }

  #key(setting: Setting): string {
    return JSON.stringify([this.#groundingKey(setting), setting.strategy, setting.tau])
  }

  /** What grounding depends on; fusion is tried on its results. */
  #groundingKey({ keyframeEvery, contextFrames, tracking, clicks }: Setting): string {
    return JSON.stringify([this.#every(keyframeEvery), contextFrames, tracking, clicks])
  }

  #every(keyframeEvery: number): number {
    return Math.min(keyframeEvery, this.#trial.clip.frames.length)
  }

  #ground(subject: Subject, { keyframeEvery, contextFrames }: Setting): Promise<GroundResult[]> {
    const options = { keyframeEvery: this.#every(keyframeEvery), contextFrames }
    return groundSentence(subject, this.sentence, options)
  }
}
