import type { AddonSam2Config, AddonSegmenter, AddonWeights } from '../../../lib/engine/addon.js'
import { Fields } from '../../../lib/hub/fields.js'
import { sam2Config } from '../../../lib/hub/sam2-config.js'
import { parityAddon } from '../addon.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet } from './golden.js'

export function configOf(set: GoldenSet): AddonSam2Config {
  return sam2Config(new Fields(set.config, set.file('config.json')))
}

/** Loads the set's model; `file` names one of several containers of the same weights. */
export function loadSegmenter(
  set: GoldenSet,
  engine: EngineOptions,
  file = 'model.safetensors',
): Promise<AddonSegmenter> {
  const config = configOf(set)
  const weights: AddonWeights =
    set.meta.weights === 'hash'
      ? { hash: true, adjust: set.meta.weight_overrides ?? {} }
      : { path: set.file(file) }
  const names =
    weights.path &&
    parityAddon()
      .listTensors(weights.path)
      .some(({ name }) => name.startsWith('vision_encoder.'))
      ? 'transformers'
      : 'original'
  return parityAddon().loadSegmenter({ config, weights, names, dtype: 'fp32', ...engine })
}
