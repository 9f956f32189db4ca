import { InvalidArgumentError, typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { Mask } from '../formats/mask.js'
import type { FusionStrategy } from '../ground/options.js'
import { checkOptions, type OptionNames } from '../options/check.js'

export interface FuseOptions {
  /** IoU from which the masks are intersected, else united. 0 .. 1, default 0.7. */
  tau?: number
  /** Default 'bidirectional': equations 5 and 6 of the paper. */
  strategy?: FusionStrategy
}

const FUSE_OPTIONS: OptionNames<FuseOptions> = { tau: true, strategy: true }

/**
 * Fuses the two estimates of a frame's mask, the one that was propagated forward and the one that
 * was propagated backward; null or an empty mask stands for a direction that has nothing to say,
 * and the other one is taken.
 *
 * @throws INVALID_ARGUMENT for masks of different sizes, two nulls or a tau outside 0..1.
 */
export function fuseMasks(
  forward: Mask | null,
  backward: Mask | null,
  options: FuseOptions = {},
): Mask {
  checkOptions(FUSE_OPTIONS, options, 'fuseMasks')
  const { tau = 0.7, strategy = 'bidirectional' } = options
  const known = forward ?? backward
  if (!known) throw new InvalidArgumentError('one of the two masks must be given')
  return typed(() => {
    const { data } = addon().fuseMasks(forward, backward, { tau, strategy })
    return new Mask(data, known.width, known.height)
  })
}
