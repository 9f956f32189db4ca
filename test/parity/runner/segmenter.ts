import type { AddonSegmenter, AddonWeights } from '../../../lib/engine/addon.js'
import { Fields } from '../../../lib/families/fields.js'
import { sam2Names } from '../../../lib/families/sam2.js'
import { type Sam2Attributes, sam2Attributes } from '../../../lib/families/sam2-attributes.js'
import { parityAddon } from '../addon.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet } from './golden.js'

export function attributesOf(set: GoldenSet): Sam2Attributes {
  return sam2Attributes(new Fields(set.config, set.file('config.json')))
}

/** Loads the set's model; `file` names one of several containers of the same weights. */
export function loadSegmenter(
  set: GoldenSet,
  engine: EngineOptions,
  file = 'model.safetensors',
): Promise<AddonSegmenter> {
  const weights: AddonWeights =
    set.meta.weights === 'hash'
      ? { hash: true, adjust: set.meta.weight_overrides ?? {} }
      : { path: set.file(file) }
  const names = weights.path ? sam2Names(parityAddon().listTensors(weights.path)) : undefined
  return parityAddon().loadSegmenter({
    family: 'sam2',
    attributes: attributesOf(set),
    weights,
    ...(names === undefined ? {} : { names }),
    dtype: 'fp32',
    ...engine,
  })
}
