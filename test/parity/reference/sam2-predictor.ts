import type { AddonVideoOptions } from '../../../lib/engine/addon.js'
import type { Fields } from '../../../lib/families/fields.js'

/** Predictor switches that a golden set's config.json may set (block "predictor"). */
export type Sam2Predictor = Pick<
  AddonVideoOptions,
  | 'fillHoleArea'
  | 'nonOverlapMasks'
  | 'binarizeMaskFromPoints'
  | 'addAllFramesToCorrectAsCond'
  | 'clearMemoryAroundInput'
  | 'memoryStride'
>

/** The block "predictor"; what it leaves out stays the engine's default. */
export function sam2Predictor(config: Fields): Sam2Predictor {
  const block = config.child('predictor')
  const predictor: Sam2Predictor = {}
  if (block.has('fill_hole_area')) predictor.fillHoleArea = block.integer('fill_hole_area')
  if (block.has('non_overlap_masks')) {
    predictor.nonOverlapMasks = block.boolean('non_overlap_masks', false)
  }
  if (block.has('binarize_mask_from_pts_for_mem_enc')) {
    predictor.binarizeMaskFromPoints = block.boolean('binarize_mask_from_pts_for_mem_enc', true)
  }
  if (block.has('add_all_frames_to_correct_as_cond')) {
    predictor.addAllFramesToCorrectAsCond = block.boolean(
      'add_all_frames_to_correct_as_cond',
      false,
    )
  }
  if (block.has('clear_non_cond_mem_around_input')) {
    predictor.clearMemoryAroundInput = block.boolean('clear_non_cond_mem_around_input', false)
  }
  if (block.has('memory_temporal_stride_for_eval')) {
    predictor.memoryStride = block.integer('memory_temporal_stride_for_eval', 1, 1)
  }
  return predictor
}
