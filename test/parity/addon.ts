import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type {
  Addon,
  AddonCallOptions,
  AddonImageFeatures,
  AddonSegmenter,
  AddonTensors,
  AddonTimes,
} from '../../lib/engine/addon.js'

/** The addon with native/parity: what golden sets call beside the functions that ship. */
export interface ParityAddon extends Addon {
  /** A unit (resize, RoPE, holes, ...) by the op's name. */
  runOp(
    name: string,
    inputs: AddonTensors,
    attributes: Record<string, number | boolean | string>,
  ): AddonTensors
  /** Encodes a picture that is resized and normalised already: [3, S, S] f32. `size` is that of the original. */
  encodeTensor(
    segmenter: AddonSegmenter,
    pixels: Float32Array,
    size: { width: number; height: number },
    options?: AddonCallOptions,
  ): Promise<{ features: AddonImageFeatures; times: AddonTimes; tensors?: AddonTensors }>
  /**
   * One component of a SAM 2 alone on given tensors, in the golden sets' layouts. Stages, their inputs and what
   * they return:
   *   'heads'            coords [B, P, 2] model space, labels [B, P], prev_logits?, features? -> low_res_multimasks,
   *                      ious, low_res_masks, high_res_masks, obj_ptr, object_score_logits
   *                      (attributes: multimask)
   *   'decode'           coords [B, P, 2] model space, labels -> low_res [B, 4, ..], iou, object_score
   *   'mask_as_output'   mask [1, 1, S, S] -> low_res_masks, obj_ptr, object_score_logits, mask_downsample
   *   'memory_encoder'   mask_logits [1, 1, S, S] -> features, pos, mask_downsampler.<j>, pix_feat_proj,
   *                      fuser.<i> (attributes: objectScore, binarize)
   *   'memory_attention' memory [n, 1, M], memory_pos [n, 1, M] -> out, layer.<i>, layer.<i>.self_attn,
   *                      layer.<i>.cross_attn (attributes: pointerTokens)
   *   'pointer_position' distances [n], already divided by P - 1 -> sine1d, sine1d_projected
   */
  runStage(
    segmenter: AddonSegmenter,
    stage: string,
    features: AddonImageFeatures,
    inputs: AddonTensors,
    attributes?: Record<string, number | boolean>,
  ): Promise<AddonTensors>
}

// This file runs from dist/test/parity.
const root = fileURLToPath(new URL('../../..', import.meta.url))

let loaded: ParityAddon | undefined

/** Built with the native tests; models and handles of it and of the shipped addon do not mix. */
export function parityAddon(): ParityAddon {
  const emulated = process.env.VIDEOMOLMO_PREBUILD
  const file = emulated
    ? path.join(emulated, 'build/Release/videomolmo.node')
    : path.join(root, 'build/parity/videomolmo_parity.node')
  loaded ??= createRequire(import.meta.url)(file) as ParityAddon
  return loaded
}
