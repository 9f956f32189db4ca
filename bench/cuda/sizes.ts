import { testPicture } from '../../lib/bench/pictures.js'
import { addon } from '../../lib/engine/loader.js'
import { Fields } from '../../lib/families/fields.js'
import { type MolmoAttributes, molmoAttributes } from '../../lib/families/molmo-attributes.js'
import { type Sam2Attributes, sam2Attributes } from '../../lib/families/sam2-attributes.js'
import { releasedSam2 } from '../../lib/families/sam2-sizes.js'
import type { Dtype } from '../../lib/load/settings.js'
import type { RgbImage } from '../../lib/video/pixels.js'

/** What is measured: the released models, or tiny ones that the emulated device can run. */
export interface Sizes {
  frame: RgbImage
  pointer: MolmoAttributes
  segmenters: Record<string, Sam2Attributes>
  objects: readonly number[]
  /** Frames until SAM 2's memory bank and its object pointers are full. */
  warmFrames: number
  answerTokens: number
  promptTokens: number
  batch: number
  groundFrames: number
  memoryFrames: number
}

const POINTER = {
  qkv_bias: true,
  rope_theta: 1e6,
  temporal_adapter: true,
  preprocessor: { eos_token_id: 0 },
}

/** VideoMolmo as released: ViT-L/14-336 with 23 blocks, Qwen2-7B. */
const REAL_POINTER = {
  ...POINTER,
  hidden_size: 3584,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  intermediate_size: 37888,
  vocab_size: 152064,
}

const TINY_POINTER = {
  ...POINTER,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 128,
  vocab_size: 96,
  vit_layers: [-1, -2],
  vision_config: {
    image_size: [28, 28],
    hidden_size: 32,
    num_attention_heads: 2,
    head_dim: 16,
    intermediate_size: 64,
    num_hidden_layers: 2,
  },
  preprocessor: { eos_token_id: 0, max_crops: 2, overlap_margins: [0, 0] },
}

const TINY_SEGMENTER = {
  image_size: 64,
  vision_config: {
    fpn_hidden_size: 32,
    backbone_config: {
      image_size: [64, 64],
      hidden_size: 8,
      blocks_per_stage: [1, 2, 3, 2],
      embed_dim_per_stage: [8, 16, 32, 64],
      window_size_per_stage: [8, 4, 6, 3],
      global_attention_blocks: [4],
    },
  },
  mask_decoder_config: { num_attention_heads: 4, mlp_dim: 48, iou_head_hidden_dim: 32 },
  memory_attention_num_layers: 2,
  memory_attention_feed_forward_hidden_size: 48,
  memory_encoder_output_channels: 16,
  memory_fuser_intermediate_dim: 64,
}

/** Generated weights could end an answer early, so no id does. */
const pointerOf = (fields: object): MolmoAttributes => ({
  ...molmoAttributes(new Fields(fields as Record<string, unknown>, 'benchmark')),
  eos: -1,
})

const segmenterOf = (fields: Record<string, unknown>) =>
  sam2Attributes(new Fields(fields, 'benchmark'))

export const realSizes = (): Sizes => ({
  frame: testPicture(960, 540),
  pointer: pointerOf(REAL_POINTER),
  segmenters: {
    'SAM 2.1 tiny': segmenterOf(releasedSam2('tiny')),
    'SAM 2.1 large': segmenterOf(releasedSam2('large')),
  },
  objects: [1, 4, 16, 64],
  warmFrames: 17,
  answerTokens: 30,
  promptTokens: 12,
  batch: 8,
  groundFrames: 81,
  memoryFrames: 2000,
})

export const tinySizes = (): Sizes => ({
  frame: testPicture(40, 30),
  pointer: pointerOf(TINY_POINTER),
  segmenters: { 'SAM 2.1 tiny': segmenterOf(TINY_SEGMENTER) },
  objects: [1, 2],
  warmFrames: 1,
  answerTokens: 5,
  promptTokens: 3,
  batch: 2,
  groundFrames: 3,
  memoryFrames: 8,
})

/** Bytes of weights that a decoding step on a GPU reads: every matrix of the language model once. */
export function weightsPerStep(attributes: MolmoAttributes, dtype: Dtype): number {
  const { width, blocks, heads, kvHeads, mlpWidth, vocabSize } = attributes.decoder
  const layer = (name: string, out: number, inner: number) => ({
    name: `model.transformer.${name}.weight`,
    dtype: 'BF16',
    shape: [out, inner],
  })
  const head = width / heads
  const layers = Array.from({ length: blocks }, (_, i) => [
    layer(`blocks.${i}.att_proj`, width + 2 * kvHeads * head, width),
    layer(`blocks.${i}.attn_out`, width, width),
    layer(`blocks.${i}.ff_proj`, 2 * mlpWidth, width),
    layer(`blocks.${i}.ff_out`, width, mlpWidth),
  ])
  const tensors = [...layers.flat(), layer('ff_out', vocabSize, width)]
  return addon().weightBytes({ family: 'molmo', attributes, tensors, dtype, device: 'cuda' })
}
