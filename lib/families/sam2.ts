import type { TensorRow } from '../engine/addon.js'
import { CheckpointError } from '../engine/errors.js'
import type { Capabilities, CheckpointFiles, ModelDescription, SegmenterFamily } from './family.js'
import { Fields } from './fields.js'
import { sam2Attributes } from './sam2-attributes.js'
import { sam2Size } from './sam2-sizes.js'

/**
 * SAM 2 and 2.1. Checkpoints with the original tensor names need no config.json: their size shows in the
 * tensors.
 */
export const sam2: SegmenterFamily = {
  name: 'sam2',
  kind: 'segmenter',
  title: 'SAM 2',
  modelTypes: ['sam2_video', 'sam2'],
  files: [],
  recognises: tensors => sam2Names(tensors) === 'original',
  describe,
}

export const SAM2_CAPABILITIES: Capabilities = {
  text: false,
  points: false,
  previousFrames: 0,
  masks: true,
  videoMemory: true,
  tracks: true,
}

/** Which of the two dialects the tensors are named in; undefined when they are in neither. */
export function sam2Names(tensors: readonly TensorRow[]): 'original' | 'transformers' | undefined {
  const has = (part: string) => tensors.some(({ name }) => name.startsWith(part))
  if (has('image_encoder.trunk.')) return 'original'
  if (has('vision_encoder.backbone.')) return 'transformers'
  return undefined
}

function describe({ tensors, weights, config }: CheckpointFiles): ModelDescription {
  const names = sam2Names(tensors)
  if (!names) {
    throw new CheckpointError(
      `${weights}: expected the tensors of SAM 2, named image_encoder.trunk.* or ` +
        'vision_encoder.backbone.*, but there are none',
    )
  }
  const has = (part: string) => tensors.some(({ name }) => name.startsWith(part))
  const is21 = has('no_obj_embed_spatial') || has('occlusion_spatial_embedding_parameter')
  const fields = config ?? new Fields(sam2Size(tensors, weights), weights)
  return {
    names,
    attributes: sam2Attributes(fields, is21 ? '2.1' : '2.0'),
    capabilities: SAM2_CAPABILITIES,
  }
}
