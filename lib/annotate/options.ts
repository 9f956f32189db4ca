import { InvalidArgumentError } from '../engine/errors.js'
import type { GroundProgress } from '../ground/options.js'
import type { OptionNames } from '../options/check.js'

export interface ChooseOptions {
  /** Points drawn per object (k), repeats included. Integer >= 1, default 10. */
  candidates?: number
  /** Another seed draws other points; the same one always the same. Integer, default 0. */
  seed?: number
  signal?: AbortSignal
}

export interface AnnotateOptions extends ChooseOptions {
  /** Annotates the frames whose number is a multiple of this. Integer >= 1, default 1. */
  every?: number
  onProgress?: (progress: GroundProgress) => void
}

export const CHOOSE_OPTIONS: OptionNames<ChooseOptions> = {
  candidates: true,
  seed: true,
  signal: true,
}

export const ANNOTATE_OPTIONS: OptionNames<AnnotateOptions> = {
  ...CHOOSE_OPTIONS,
  every: true,
  onProgress: true,
}

export interface AnnotateSettings {
  candidates: number
  seed: number
  every: number
  signal: AbortSignal | undefined
  onProgress: AnnotateOptions['onProgress'] | undefined
}

/** @throws INVALID_ARGUMENT naming the option, the range and what came. */
export function annotateSettings(options: AnnotateOptions): AnnotateSettings {
  const { candidates = 10, seed = 0, every = 1, signal, onProgress } = options
  for (const [name, value] of Object.entries({ candidates, every })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new InvalidArgumentError(`${name} must be an integer of at least 1, got ${value}`)
    }
  }
  if (!Number.isSafeInteger(seed)) {
    throw new InvalidArgumentError(`seed must be an integer, got ${seed}`)
  }
  return { candidates, seed, every, signal, onProgress }
}
