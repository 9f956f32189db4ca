import type { AddonPointer } from '../engine/addon.js'
import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { Fields } from '../families/fields.js'
import { type MolmoAttributes, molmoAttributes } from '../families/molmo-attributes.js'
import { testPicture } from './pictures.js'
import type { BenchOptions, BenchRow } from './rows.js'

/** VideoMolmo's widths with few blocks and a small vocabulary, so that it fits any machine. */
function benchConfig(vitBlocks: number, decoderBlocks: number): MolmoAttributes {
  const fields = {
    hidden_size: 3584,
    num_hidden_layers: decoderBlocks,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 37888,
    vocab_size: 2048,
    embedding_size: 2048,
    rope_theta: 1e6,
    qkv_bias: true,
    temporal_adapter: true,
    vit_layers: [-1, -1],
    vision_config: { num_hidden_layers: vitBlocks },
    preprocessor: { eos_token_id: 7 },
  }
  return molmoAttributes(new Fields(fields, 'benchmark'))
}

function load(config: MolmoAttributes, options: BenchOptions): Promise<AddonPointer> {
  const { device, dtype, threads } = options
  // Generated weights could end an answer early.
  const endless = { ...config, bos: 0, eos: -1 }
  return typed(() =>
    addon().loadPointer({
      family: 'molmo',
      attributes: endless,
      weights: { hash: true },
      device,
      dtype,
      threads,
    }),
  )
}

/** A 640x480 frame has seven crops of 577 tokens. */
const CROPS = 7
const TOKENS = 577
const WIDTH = 1024
const VIT_BLOCKS = 4

/** Projections and MLP, scores and weighted values, patch embedding. */
const vitGflop =
  (CROPS *
    2 *
    (VIT_BLOCKS * (12 * TOKENS * WIDTH ** 2 + 2 * TOKENS ** 2 * WIDTH) +
      (TOKENS - 1) * 588 * WIDTH)) /
  1e9

/** Vision encoder on a 640x480 frame: seven crops of 576 patches, four blocks of ViT-L. */
export async function benchVit(options: BenchOptions): Promise<BenchRow[]> {
  const model = await load(benchConfig(VIT_BLOCKS, 1), options)
  const stream = model.openStream({ capacity: 1 })
  const picture = testPicture(640, 480)
  const vit: number[] = []
  const preprocess: number[] = []
  for (let frame = 0; frame <= options.rounds; frame++) {
    const since = performance.now()
    const { times } = await typed(() => stream.encode(frame, picture))
    await model.memory()
    const whole = performance.now() - since
    if (frame === 0) continue
    // A GPU is still at work when a stage's own time ends.
    vit.push(options.device === 'cpu' ? times.vit! : whole)
    preprocess.push(times.preprocess!)
  }
  stream.dispose()
  await model.dispose()
  return [
    { name: '7 crops, 4 blocks of ViT-L', times: vit, work: { amount: vitGflop, unit: 'GFLOP' } },
    { name: 'preprocessing 640x480', times: preprocess },
  ]
}

const BLOCKS = 2
/** Matrices of one decoder block that a token reads, and the benchmark's output head. */
const BLOCK = [
  ['att_proj', 4608, 3584],
  ['attn_out', 3584, 3584],
  ['ff_proj', 37888, 3584],
  ['ff_out', 3584, 18944],
] as const
const HEAD = [2048, 3584] as const

/** Bytes of weights that one decoding step reads. */
function bytesPerStep({ dtype, device }: BenchOptions): number {
  const blocks = Array.from({ length: BLOCKS }, (_, i) =>
    BLOCK.map(([name, ...shape]) => ({ name: `blocks.${i}.${name}`, shape })),
  )
  const tensors = [...blocks.flat(), { name: 'ff_out', shape: HEAD }].map(({ name, shape }) => ({
    name: `model.transformer.${name}.weight`,
    dtype: 'F32',
    shape: [...shape],
  }))
  const attributes = benchConfig(1, BLOCKS)
  return addon().weightBytes({ family: 'molmo', attributes, tensors, dtype, device })
}

const NEW_TOKENS = 17

/**
 * Prefill and decoding after the prompt of a 640x480 frame, two blocks of Qwen2-7B: one sequence,
 * and eight side by side (every step reads the weights once for all of them).
 */
export async function benchDecode(options: BenchOptions): Promise<BenchRow[]> {
  const model = await load(benchConfig(1, BLOCKS), options)
  const stream = model.openStream({ capacity: 1 })
  const bytes = bytesPerStep(options)
  const rows: BenchRow[] = []
  let frameIndex = 0
  for (const sequences of [1, 8]) {
    const prefill: number[] = []
    const step: number[] = []
    for (let round = 0; round <= options.rounds; round++) {
      // A new frame each time: the keys and values of one asked before would be taken over.
      await typed(() => stream.encode(++frameIndex, testPicture(640, 480)))
      const requests = Array.from({ length: sequences }, (_, s) => ({
        frameIndex,
        promptIds: Int32Array.from({ length: 12 }, (_, i) => 20 + s + i),
      }))
      const answers = await typed(() => stream.answer(requests, { maxNewTokens: NEW_TOKENS }))
      if (round === 0) continue
      prefill.push(answers[0]!.times.prefill!)
      const decoding = answers.reduce((sum, { times }) => sum + times.decodeTokens!, 0)
      step.push(decoding / (NEW_TOKENS - 1))
    }
    if (sequences === 1) rows.push({ name: 'prefill, 753 positions, 2 blocks', times: prefill })
    rows.push({
      name: `a step of ${sequences} sequence${sequences > 1 ? 's' : ''}, 2 blocks of 7B`,
      times: step,
      work: { amount: bytes / 1e9, unit: 'GB' },
    })
  }
  stream.dispose()
  await model.dispose()
  return rows
}
