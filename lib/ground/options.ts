import { checkSignal } from '../engine/cancel.js'
import { InvalidArgumentError } from '../engine/errors.js'
import type { FusionStrategy } from '../engine/public-types.js'
import type { OptionNames } from '../options/check.js'
import { CLIP_OPTIONS, type ClipOptions } from '../video/frame.js'

export type { FusionStrategy }

export const FUSION_STRATEGIES: readonly FusionStrategy[] = [
  'bidirectional',
  'prefer-left',
  'prefer-right',
  'intersection',
  'larger',
  'smaller',
]

/** Counts of work done, for progress bars. */
export interface GroundProgress {
  /** Frames whose final result was given out. */
  framesDone: number
  /** Frames of the clip as its container says, which may be wrong; null when unknown. */
  frameCount: number | null
}

export interface PointOptions extends ClipOptions {
  /** Every how many frames the pointer is asked (k). Integer >= 1. */
  keyframeEvery?: number
  /**
   * Previous frames that the pointer looks at (l), 0 .. the model's own number. Default: the
   * model's own. Missing ones, as at the start of the clip, are black frames.
   */
  contextFrames?: number
  /** Replace the previous frames by black ones, to measure what they are worth. Default false. */
  blackContext?: boolean
  /** Longest answer in tokens. Default 300. */
  maxNewTokens?: number
  /**
   * Keyframes that the pointer answers together; the answers are those of one at a time. It reads
   * ahead, so the first results come after that many keyframes. Default for clips: as many as are
   * decoded side by side (8, fewer within a small `memoryBudget`), fewer where the frames that have to
   * wait would take more than 256 MiB; 1 for sessions.
   */
  keyframeBatch?: number
  /**
   * Guess each answer, from the one before or its usual form, and verify several of its tokens per
   * pass. The answers are the same. Default true.
   */
  draft?: boolean
  /** Frames to read at most. Default: all. */
  maxFrames?: number
  /** Aborts between layers of the running model; the call rejects with ABORTED. */
  signal?: AbortSignal
  onProgress?: (progress: GroundProgress) => void
}

export interface GroundOptions extends PointOptions {
  /**
   * IoU from which the two directions are intersected, else united (equation 5). 0 .. 1, default
   * 0.7.
   */
  tau?: number
  /** How the two directions become one mask. Default 'bidirectional'. */
  fusion?: FusionStrategy
}

export const POINT_OPTIONS: OptionNames<PointOptions> = {
  ...CLIP_OPTIONS,
  keyframeEvery: true,
  contextFrames: true,
  blackContext: true,
  maxNewTokens: true,
  keyframeBatch: true,
  draft: true,
  maxFrames: true,
  signal: true,
  onProgress: true,
}

export const GROUND_OPTIONS: OptionNames<GroundOptions> = {
  ...POINT_OPTIONS,
  tau: true,
  fusion: true,
}

/** Options with every default filled in. */
export interface PointSettings {
  keyframeEvery: number
  contextFrames: number
  blackContext: boolean
  maxNewTokens: number
  keyframeBatch: number | undefined
  draft: boolean
  maxFrames: number
  signal: AbortSignal | undefined
  onProgress: ((progress: GroundProgress) => void) | undefined
}

export interface GroundSettings extends PointSettings {
  tau: number
  fusion: FusionStrategy
}

/** More keyframes gain nothing: their steps are no longer bound by reading the weights. */
const MOST_KEYFRAMES = 64

function integer(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `in ${least}..${most}`
    throw new InvalidArgumentError(`${name} must be an integer ${range}, got ${value}`)
  }
  return value
}

/**
 * @param previousFrames of the model: the default and the limit of contextFrames.
 * @param keyframeEvery default of this task.
 * @throws INVALID_ARGUMENT naming the option, the range and what came.
 */
export function pointSettings(
  options: PointOptions,
  previousFrames: number,
  keyframeEvery: number,
): PointSettings {
  const most = Number.MAX_SAFE_INTEGER
  const { signal, keyframeBatch } = options
  checkSignal(signal)
  return {
    keyframeEvery: integer('keyframeEvery', options.keyframeEvery ?? keyframeEvery, 1, most),
    contextFrames: integer(
      'contextFrames',
      options.contextFrames ?? previousFrames,
      0,
      previousFrames,
    ),
    blackContext: options.blackContext ?? false,
    maxNewTokens: integer('maxNewTokens', options.maxNewTokens ?? 300, 1, most),
    keyframeBatch:
      keyframeBatch === undefined
        ? undefined
        : integer('keyframeBatch', keyframeBatch, 1, MOST_KEYFRAMES),
    draft: options.draft ?? true,
    maxFrames: integer('maxFrames', options.maxFrames ?? most, 1, most),
    signal,
    onProgress: options.onProgress,
  }
}

/** As pointSettings, for masks: k = 5, tau = 0.7 (section 4.2 of the paper). */
export function groundSettings(options: GroundOptions, previousFrames: number): GroundSettings {
  const tau = options.tau ?? 0.7
  if (typeof tau !== 'number' || !(tau >= 0 && tau <= 1)) {
    throw new InvalidArgumentError(`tau must be a number in 0..1, got ${tau}`)
  }
  const fusion = options.fusion ?? 'bidirectional'
  if (!FUSION_STRATEGIES.includes(fusion)) {
    throw new InvalidArgumentError(
      `fusion must be one of ${FUSION_STRATEGIES.join(', ')}, got ${JSON.stringify(fusion)}`,
    )
  }
  return { ...pointSettings(options, previousFrames, 5), tau, fusion }
}
