import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Fields } from '../../lib/families/fields.js'
import { molmoAttributes } from '../../lib/families/molmo-attributes.js'
import { sam2Attributes } from '../../lib/families/sam2-attributes.js'
import { sam2Size } from '../../lib/families/sam2-sizes.js'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { goldenCheckpoint } from '../support/golden-weights.js'
import { writeSafetensors } from '../support/safetensors.js'

/** config.json of Molmo-7B-D-0924, which says nothing about the vision side. */
const MOLMO_7B_D = {
  model_type: 'molmo',
  attention_layer_norm: false,
  clip_qkv: null,
  embedding_size: 152064,
  hidden_size: 3584,
  intermediate_size: 37888,
  layer_norm_eps: 1e-6,
  layer_norm_type: 'rms',
  max_position_embeddings: 4096,
  norm_after: false,
  num_attention_heads: 28,
  num_hidden_layers: 28,
  num_key_value_heads: 4,
  qkv_bias: true,
  rope_theta: 1000000,
  vocab_size: 152064,
  weight_tying: false,
}

t.test('a released Molmo configuration gets the constants of its model class', t => {
  const config = molmoAttributes(new Fields(MOLMO_7B_D, 'config.json'), {
    eos: 151643,
    temporalAdapter: true,
  })
  t.match(config, {
    vit: { imageSize: 336, patchSize: 14, width: 1024, heads: 16, headDim: 64, blocks: 23 },
    decoder: { width: 3584, heads: 28, kvHeads: 4, mlpWidth: 18944, extraVocabSize: 128 },
    preprocess: { maxCrops: 12, marginBefore: 4, marginAfter: 4, useColTokens: true },
    tokens: { start: 152064, end: 152065, patch: 152066, col: 152067, image: 152068 },
    bos: 151643,
    eos: 151643,
    vitLayers: [-2, -9],
    padEmbed: false,
    temporalAdapter: true,
    previousFrames: 4,
  })
  const olmo = { ...MOLMO_7B_D, vocab_size: 100278, embedding_size: 100352, clip_qkv: 8 }
  const other = molmoAttributes(
    new Fields({ ...olmo, num_attention_heads: 32, num_key_value_heads: null }, 'config.json'),
    { eos: 100257, padEmbed: true },
  )
  t.match(other.decoder, { heads: 32, kvHeads: 32, vocabSize: 100352, clipQkv: 8 })
  t.equal(other.tokens.start, 100278, 'image tokens follow the text vocabulary')
  t.ok(other.padEmbed)
  t.equal(other.previousFrames, 0)
  t.end()
})

t.test('a configuration that the engine cannot follow is refused by field', t => {
  const read = (change: object) => () =>
    molmoAttributes(new Fields({ ...MOLMO_7B_D, ...change }, 'config.json'), { eos: 1 })
  const invalid = (message: RegExp) => ({ code: 'CHECKPOINT_INVALID', message })
  t.throws(read({ hidden_size: undefined }), invalid(/"hidden_size" must be a number/))
  t.throws(read({ num_hidden_layers: 'many' }), invalid(/"num_hidden_layers".*"many"/))
  t.throws(read({ layer_norm_type: 'default' }), invalid(/"layer_norm_type" must be "rms"/))
  t.throws(read({ vision_config: [] }), invalid(/"vision_config" must be an object/))
  t.throws(read({ vit_layers: ['a'] }), invalid(/"vit_layers" must be a list of numbers/))
  t.throws(
    read({ vit_layers: [-1.5] }),
    invalid(/config\.json: "vit_layers" must be a list of int/),
  )
  t.throws(
    read({ intermediate_size: 769 }),
    invalid(/config\.json: "intermediate_size" must be an even/),
  )
  t.throws(
    () => molmoAttributes(new Fields(MOLMO_7B_D, 'config.json')),
    invalid(/no end-of-text id/),
  )
  t.end()
})

t.test('an empty SAM 2 configuration is SAM 2.1 tiny', t => {
  const config = sam2Attributes(new Fields({ model_type: 'sam2_video' }, 'config.json'))
  t.match(config, {
    version: '2.1',
    imageSize: 1024,
    trunk: { width: 96, blocksPerStage: [1, 2, 7, 2], globalBlocks: [5, 7, 9] },
    hiddenSize: 256,
    decoder: { heads: 8, mlpWidth: 2048, dynamicMultimask: true },
    memoryAttention: { layers: 4, ropeTheta: 10000 },
    memoryEncoder: { channels: 64, fuserLayers: 2, fuserWidth: 1024 },
    maxMemoryFrames: 7,
    maxConditioningFrames: -1,
    sigmoidScale: 20,
    sigmoidBias: -10,
    occlusionEmbedding: true,
  })
  const old = sam2Attributes(new Fields({ rope_parameters: { rope_theta: 5000 } }, 'x'), '2.0')
  t.match(old, { version: '2.0', occlusionEmbedding: false, pointerTemporalEncoding: false })
  t.equal(old.memoryAttention.ropeTheta, 5000, 'newer files nest the RoPE base')
  t.end()
})

t.test('the released sizes show in the tensors', t => {
  const tensors = (width: number, blocks: number) => [
    { name: 'image_encoder.trunk.patch_embed.proj.weight', shape: [width, 3, 7, 7] },
    ...Array.from({ length: blocks }, (_, i) => ({
      name: `image_encoder.trunk.blocks.${i}.norm1.weight`,
      shape: [1],
    })),
  ]
  const blocksOf = (width: number, blocks: number) =>
    sam2Attributes(new Fields(sam2Size(tensors(width, blocks), 'x'), 'x')).trunk.blocksPerStage
  t.same(blocksOf(96, 12), [1, 2, 7, 2])
  t.same(blocksOf(96, 16), [1, 2, 11, 2])
  t.same(blocksOf(112, 24), [2, 3, 16, 3])
  t.same(blocksOf(144, 48), [2, 6, 36, 4])
  t.throws(() => blocksOf(96, 13), { code: 'UNSUPPORTED_MODEL', message: /width 96 with 13/ })
  t.end()
})

t.test('checkpoint folders and files', async t => {
  const pointer = await readCheckpoint(goldenCheckpoint('videomolmo-tiny'))
  t.match(pointer, {
    kind: 'pointer',
    family: 'molmo',
    attributes: { temporalAdapter: true, eos: 319 },
  })
  t.match(await readCheckpoint(goldenCheckpoint('molmo-tiny')), { attributes: { padEmbed: true } })
  const file = path.join(goldenCheckpoint('sam2-tiny-containers'), 'model_hf.safetensors')
  t.match(await readCheckpoint(file), { kind: 'segmenter', names: 'transformers', weights: file })
  t.match(await readCheckpoint(goldenCheckpoint('sam2-tiny-video-20')), {
    names: 'original',
    attributes: { version: '2.0' },
  })
})

t.test('VideoMolmo and Molmo are told apart by their tensors', async t => {
  for (const [source, wanted] of [
    ['videomolmo-tiny', { temporalAdapter: true, padEmbed: false, previousFrames: 4 }],
    ['molmo-tiny', { temporalAdapter: false, padEmbed: true, previousFrames: 0 }],
  ] as const) {
    const folder = path.join(t.testdir({}), source)
    cpSync(goldenCheckpoint(source), folder, { recursive: true })
    const file = path.join(folder, 'config.json')
    const { temporal_adapter, image_padding_embed, ...rest } = JSON.parse(
      readFileSync(file, 'utf8'),
    )
    writeFileSync(file, JSON.stringify(rest))
    t.match((await readCheckpoint(folder)).attributes, wanted)
  }
})

t.test('the end-of-text id comes from the first file that has it', async t => {
  const base = t.testdir({})
  const read = async (name: string, files: Record<string, object>, config: object = {}) => {
    const folder = path.join(base, name)
    mkdirSync(folder)
    writeSafetensors(path.join(folder, 'model.safetensors'), {})
    const all = { 'config.json': { ...MOLMO_7B_D, ...config }, ...files }
    for (const [file, content] of Object.entries(all)) {
      writeFileSync(path.join(folder, file), JSON.stringify(content))
    }
    return (await readCheckpoint(folder)).attributes.eos
  }
  const named = { 'tokenizer_config.json': { eos_token: '<|endoftext|>' } }
  t.equal(await read('generation', { 'generation_config.json': { eos_token_id: [7, 8] } }), 7)
  t.equal(await read('config', named, { eos_token_id: 5 }), 5)
  t.equal(
    await read('decoder', {
      'tokenizer_config.json': {
        eos_token: { content: '<|endoftext|>' },
        added_tokens_decoder: { 11: { content: '<|endoftext|>' } },
      },
    }),
    11,
  )
  t.equal(await read('added', { ...named, 'added_tokens.json': { '<|endoftext|>': 12 } }), 12)
  const added_tokens = [{ id: 13, content: '<|endoftext|>' }]
  t.equal(await read('json', { ...named, 'tokenizer.json': { added_tokens } }), 13)
  await t.rejects(read('none', {}), { code: 'CHECKPOINT_INVALID', message: /end-of-text/ })
})

t.test('other containers and foreign tensors', async t => {
  const folder = t.testdir({ 'model.pt': 'PK', 'config.json': '{"model_type": "sam2_video"}' })
  await t.rejects(readCheckpoint(path.join(folder, 'model.pt')), {
    code: 'CHECKPOINT_INVALID',
    message: /model\.pt/,
  })
  writeSafetensors(path.join(folder, 'model.safetensors'), { 'a.weight': [2, 2] })
  await t.rejects(readCheckpoint(folder), { code: 'CHECKPOINT_INVALID', message: /SAM 2/ })
})
