import type { Fields } from './fields.js'

function readTrunk(backbone: Fields) {
  backbone.oneOf('hidden_act', ['gelu'])
  const [height, width] = backbone.numbers('window_positional_embedding_background_size', [7, 7], 2)
  return {
    width: backbone.integer('hidden_size', 96, 1),
    blocksPerStage: backbone.numbers('blocks_per_stage', [1, 2, 7, 2]),
    widths: backbone.numbers('embed_dim_per_stage', [96, 192, 384, 768]),
    headsPerStage: backbone.numbers('num_attention_heads_per_stage', [1, 2, 4, 8]),
    windowPerStage: backbone.numbers('window_size_per_stage', [8, 4, 14, 7]),
    globalBlocks: backbone.numbers('global_attention_blocks', [5, 7, 9]),
    backgroundSize: [height!, width!],
    mlpRatio: backbone.number('mlp_ratio', 4),
    normEps: backbone.number('layer_norm_eps', 1e-6),
  }
}

function readDecoder(decoder: Fields) {
  decoder.oneOf('num_multimask_outputs', [3])
  decoder.oneOf('iou_head_depth', [3])
  return {
    layers: decoder.integer('num_hidden_layers', 2, 1),
    heads: decoder.integer('num_attention_heads', 8, 1),
    mlpWidth: decoder.integer('mlp_dim', 2048, 1),
    attentionDownsample: decoder.integer('attention_downsample_rate', 2, 1),
    iouHeadHidden: decoder.integer('iou_head_hidden_dim', 256, 1),
    dynamicMultimask: decoder.boolean('dynamic_multimask_via_stability', true),
    stabilityDelta: decoder.number('dynamic_multimask_stability_delta', 0.05),
    stabilityThreshold: decoder.number('dynamic_multimask_stability_thresh', 0.98),
  }
}

/** Older files have the RoPE base on top, newer ones in rope_parameters. */
function ropeTheta(config: Fields): number {
  if (config.has('memory_attention_rope_theta')) return config.number('memory_attention_rope_theta')
  return config.child('rope_parameters').number('rope_theta', 10000)
}

export type Sam2Attributes = ReturnType<typeof sam2Attributes>

/**
 * config.json of a SAM 2 checkpoint (model_type sam2_video) as the engine's attributes. A missing key has the
 * value of SAM 2.1 tiny, which is what the class defaults are. `version` is what the tensors tell.
 */
export function sam2Attributes(config: Fields, version?: '2.0' | '2.1') {
  config.oneOf('sam2_version', ['2.0', '2.1'])
  const is21 = config.has('sam2_version')
    ? config.text('sam2_version', '2.1') === '2.1'
    : version !== undefined
      ? version === '2.1'
      : config.boolean('enable_occlusion_spatial_embedding', true)
  const vision = config.child('vision_config')
  const prompt = config.child('prompt_encoder_config')
  const backbone = vision.child('backbone_config')
  const [imageSize] = backbone.numbers('image_size', [1024, 1024], 2)
  return {
    version: is21 ? '2.1' : '2.0',
    imageSize: config.integer('image_size', prompt.integer('image_size', imageSize!), 1),
    trunk: readTrunk(backbone),
    hiddenSize: vision.integer('fpn_hidden_size', 256, 1),
    maskInputChannels: prompt.integer('mask_input_channels', 16, 1),
    decoder: readDecoder(config.child('mask_decoder_config')),
    memoryAttention: {
      layers: config.integer('memory_attention_num_layers', 4, 1),
      mlpWidth: config.integer('memory_attention_feed_forward_hidden_size', 2048, 1),
      ropeTheta: ropeTheta(config),
    },
    memoryEncoder: {
      channels: config.integer('memory_encoder_output_channels', 64, 1),
      fuserLayers: config.integer('memory_fuser_num_layers', 2),
      fuserWidth: config.integer('memory_fuser_intermediate_dim', 1024, 1),
    },
    maxMemoryFrames: config.integer('num_maskmem', 7, 1),
    maxObjectPointers: config.integer('max_object_pointers_in_encoder', 16, 1),
    maxConditioningFrames: config.integer('max_cond_frame_num', -1, -1),
    sigmoidScale: config.number('sigmoid_scale_for_mem_enc', 20),
    sigmoidBias: config.number('sigmoid_bias_for_mem_enc', -10),
    occlusionEmbedding: config.boolean('enable_occlusion_spatial_embedding', is21),
    pointerTemporalEncoding: config.boolean(
      'enable_temporal_pos_encoding_for_object_pointers',
      is21,
    ),
  }
}
