// On the emulated device: what the engine says about a checkpoint's weights is what it takes there.
import { fileURLToPath } from 'node:url'
import t from 'tap'

process.env.VIDEOMOLMO_PREBUILD = fileURLToPath(
  new URL('../../../build/emulation', import.meta.url),
)

const { addon } = await import('../../lib/engine/loader.js')
const { FAMILIES } = await import('../../lib/families/index.js')
const { Fields } = await import('../../lib/families/fields.js')
const { molmoAttributes } = await import('../../lib/families/molmo-attributes.js')
const { readCheckpoint } = await import('../../lib/hub/checkpoint.js')
const { memoryNeed, weightBytes } = await import('../../lib/hub/memory.js')
const { DTYPES, EMBEDDED } = await import('../../lib/load/settings.js')
const { goldenCheckpoint } = await import('../support/golden-weights.js')

const device = 'cuda'
const threads = 2
const tiny = goldenCheckpoint('videomolmo-tiny')

t.test('the engine has every family of the table', t => {
  const { pointer, segmenter } = addon().families()
  for (const { name, kind } of FAMILIES)
    t.ok((kind === 'pointer' ? pointer : segmenter).includes(name), name)
  t.end()
})

t.test('a pointer of f32 weights on a GPU', async t => {
  const checkpoint = await readCheckpoint(tiny)
  t.ok(
    checkpoint.tensors.every(({ dtype }) => dtype === 'F32'),
    'the file is in f32',
  )
  const { family, attributes, weights } = checkpoint
  for (const dtype of DTYPES) {
    for (const groupSize of dtype === 'int4' ? ([64, 128] as const) : [64 as const]) {
      const options = { family, attributes, weights: { path: weights }, dtype, groupSize }
      const pointer = await addon().loadPointer({ ...options, threads, device })
      const held = pointer.info().weightBytes
      await pointer.dispose()
      t.equal(weightBytes(checkpoint, { dtype, device, groupSize }), held, `${dtype} ${groupSize}`)
    }
  }
})

t.test('a segmenter on a GPU', async t => {
  const checkpoint = await readCheckpoint(EMBEDDED.segmenter)
  const { family, attributes, weights, names } = checkpoint
  for (const dtype of ['stored', 'fp32', 'bf16'] as const) {
    const options = { family, attributes, weights: { path: weights }, dtype, threads, device }
    const segmenter = await addon().loadSegmenter({ ...options, names: names! })
    const held = segmenter.info().weightBytes
    await segmenter.dispose()
    t.equal(weightBytes(checkpoint, { dtype, device }), held, dtype)
  }
})

/** The tensors of Molmo-7B-D, without their biases and norms. */
function molmo7b() {
  const rows: { name: string; dtype: string; shape: number[]; file: string }[] = []
  const add = (name: string, ...shape: number[]) =>
    rows.push({ name, dtype: 'F32', shape, file: '' })
  const text = 'model.transformer'
  add(`${text}.wte.embedding`, 152064, 3584)
  add(`${text}.wte.new_embedding`, 128, 3584)
  add(`${text}.ff_out.weight`, 152064, 3584)
  for (let i = 0; i < 28; i++) {
    add(`${text}.blocks.${i}.att_proj.weight`, 4608, 3584)
    add(`${text}.blocks.${i}.attn_out.weight`, 3584, 3584)
    add(`${text}.blocks.${i}.ff_proj.weight`, 37888, 3584)
    add(`${text}.blocks.${i}.ff_out.weight`, 3584, 18944)
  }
  const vision = 'model.vision_backbone'
  add(`${vision}.image_vit.patch_embedding.weight`, 1024, 588)
  for (let i = 0; i < 23; i++) {
    const block = `${vision}.image_vit.transformer.resblocks.${i}`
    for (const part of ['wq', 'wk', 'wv', 'wo'])
      add(`${block}.attention.${part}.weight`, 1024, 1024)
    add(`${block}.feed_forward.w1.weight`, 4096, 1024)
    add(`${block}.feed_forward.w2.weight`, 1024, 4096)
  }
  for (const part of ['wq', 'wk', 'wv'])
    add(`${vision}.image_pooling_2d.${part}.weight`, 1024, 2048)
  add(`${vision}.image_pooling_2d.wo.weight`, 1024, 1024)
  add(`${vision}.image_projector.w1.weight`, 18944, 1024)
  add(`${vision}.image_projector.w2.weight`, 3584, 18944)
  add(`${vision}.image_projector.w3.weight`, 18944, 1024)
  return rows
}

t.test('Molmo-7B-D in f32, quantised on a GPU, is not counted too high', t => {
  const fields = {
    hidden_size: 3584,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 37888,
    vocab_size: 152064,
    qkv_bias: true,
    rope_theta: 1e6,
  }
  const attributes = molmoAttributes(new Fields(fields, 'config.json'), { eos: 151643 })
  const tensors = molmo7b()
  const checkpoint = { kind: 'pointer', family: 'molmo', attributes, tensors } as const
  const count = (pattern: RegExp) =>
    tensors
      .filter(({ name }) => pattern.test(name))
      .reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0)
  const head = count(/transformer\.ff_out\.weight$/)
  const layers = count(/blocks\.\d+\.(att_proj|attn_out|ff_proj|ff_out)|image_projector/)
  const all = count(/./)
  // Nibbles and a scale per group; bytes and a scale per row; the others in bf16.
  const expected = (group: number) =>
    layers / 2 + (4 * layers) / group + head + 4 * 152064 + 2 * (all - layers - head)
  for (const groupSize of [64, 128] as const) {
    const holding = { dtype: 'int4', device, groupSize } as const
    t.equal(weightBytes(checkpoint, holding), expected(groupSize), `groups of ${groupSize}`)
    const { least, best } = memoryNeed(checkpoint, holding)
    t.ok(least > expected(groupSize) && best > least, 'the budget starts from it')
  }
  const onCpu = weightBytes(checkpoint, { dtype: 'int4', device: 'cpu' })
  const saved = onCpu - weightBytes(checkpoint, { dtype: 'int4', device })
  t.equal(saved, 2 * (all - layers - head), 'on the CPU they stay f32')
  t.ok(saved > 1.6e9, `a GPU holds ${(saved / 1e9).toFixed(2)} GB less`)
  t.end()
})
