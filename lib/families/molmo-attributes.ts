import { CheckpointError, UnsupportedModelError } from '../engine/errors.js'
import type { Fields } from './fields.js'

/** CLIP's means and deviations, channels R, G, B. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711] as const

/** Facts that config.json leaves open and other files or the tensors tell. */
export interface MolmoFacts {
  /** The checkpoint has model.vision_backbone.adapter.*: VideoMolmo. */
  temporalAdapter?: boolean
  /** The checkpoint has model.vision_backbone.pad_embed: Molmo. */
  padEmbed?: boolean
  /** Id of the end-of-text token, from generation_config.json or the tokenizer. */
  eos?: number
  /** Fields of preprocessor_config.json. */
  preprocessor?: Fields
}

function triple(values: number[]): [number, number, number] {
  return [values[0]!, values[1]!, values[2]!]
}

function readVit(vision: Fields) {
  vision.oneOf('hidden_act', ['quick_gelu'])
  const width = vision.integer('hidden_size', 1024, 1)
  const heads = vision.integer('num_attention_heads', 16, 1)
  if (vision.integer('num_key_value_heads', heads, 1) !== heads) {
    throw new UnsupportedModelError(
      `${vision.where}: vision encoders with fewer key-value heads than heads are not supported`,
    )
  }
  const [height, size] = vision.numbers('image_size', [336, 336], 2)
  if (height !== size) {
    throw new UnsupportedModelError(`${vision.where}: "image_size" must be square`)
  }
  return {
    imageSize: size!,
    patchSize: vision.integer('patch_size', 14, 1),
    width,
    heads,
    headDim: vision.integer('head_dim', 64, 1),
    mlpWidth: vision.integer('intermediate_size', 4096, 1),
    blocks: vision.integer('num_hidden_layers', 23, 1),
    normEps: vision.number('layer_norm_eps', 1e-5),
  }
}

function readDecoder(config: Fields) {
  config.oneOf('layer_norm_type', ['rms'])
  const heads = config.integer('num_attention_heads', undefined, 1)
  const vocab = config.integer('vocab_size', undefined, 1)
  return {
    width: config.integer('hidden_size', undefined, 1),
    blocks: config.integer('num_hidden_layers', undefined, 1),
    heads,
    kvHeads: config.integer('num_key_value_heads', heads, 1),
    // config.json counts both halves of ff_proj.
    mlpWidth: config.even('intermediate_size') / 2,
    vocabSize: config.integer('embedding_size', vocab, 1),
    extraVocabSize: config.integer('additional_vocab_size', 128),
    maxPositions: config.integer('max_position_embeddings', 4096, 1),
    ropeTheta: config.number('rope_theta', 1e4),
    normEps: config.number('layer_norm_eps', 1e-6),
    qkvBias: config.boolean('qkv_bias', false),
    qkNorm: config.boolean('attention_layer_norm', false) ? ('row' as const) : ('none' as const),
    normAfter: config.boolean('norm_after', false),
    clipQkv: config.has('clip_qkv') ? config.number('clip_qkv') : null,
    tied: config.boolean('weight_tying', false),
  }
}

function readPreprocess(fields: Fields) {
  fields.oneOf('image_pooling_h', [2])
  fields.oneOf('image_pooling_w', [2])
  fields.oneOf('pad_value', [0])
  const [before, after] = fields.numbers('overlap_margins', [4, 4], 2)
  return {
    maxCrops: fields.integer('max_crops', 12, 1),
    marginBefore: before!,
    marginAfter: after!,
    mean: triple(fields.numbers('image_mean', CLIP_MEAN, 3)),
    std: triple(fields.numbers('image_std', CLIP_STD, 3)),
    useColTokens: fields.boolean('use_col_tokens', true),
  }
}

/** The image tokens follow the text vocabulary unless the file lists them. */
function readTokens(preprocess: Fields, vocabSize: number) {
  const ids = preprocess.child('special_token_ids')
  return {
    start: ids.integer('<im_start>', vocabSize),
    end: ids.integer('<im_end>', vocabSize + 1),
    patch: ids.integer('<im_patch>', vocabSize + 2),
    col: ids.integer('<im_col>', vocabSize + 3),
    image: ids.integer('<|image|>', vocabSize + 4),
  }
}

export type MolmoAttributes = ReturnType<typeof molmoAttributes>

/**
 * config.json of a Molmo or VideoMolmo checkpoint as the engine's attributes. What the released files leave to
 * the model class (vision encoder, image tokens, previous frames) has the released models' values; small
 * models say otherwise with the extra fields of docs/spec/videomolmo.md 14.3.
 */
export function molmoAttributes(config: Fields, facts: MolmoFacts = {}) {
  const preprocess = config.has('preprocessor')
    ? config.child('preprocessor')
    : (facts.preprocessor ?? config.child('preprocessor'))
  const eos = preprocess.has('eos_token_id') ? preprocess.integer('eos_token_id') : facts.eos
  if (eos === undefined) {
    throw new CheckpointError(
      `${config.where}: no end-of-text id; expected "eos_token_id" in config.json, ` +
        'generation_config.json or the tokenizer files',
    )
  }
  const temporalAdapter = config.boolean('temporal_adapter', facts.temporalAdapter ?? false)
  const padEmbed = Object.hasOwn(config.object, 'image_padding_embed')
    ? config.has('image_padding_embed')
    : (facts.padEmbed ?? false)
  config.oneOf('image_padding_embed', ['pad_and_partial_pad'])
  return {
    vit: readVit(config.child('vision_config')),
    decoder: readDecoder(config),
    preprocess: readPreprocess(preprocess),
    tokens: readTokens(preprocess, config.integer('vocab_size')),
    bos: preprocess.integer('bos_token_id', eos),
    eos,
    vitLayers: config.integers('vit_layers', [-2, -9]),
    padEmbed,
    temporalAdapter,
    previousFrames: temporalAdapter ? config.integer('num_prev_frames', 4, 1) : 0,
  }
}
