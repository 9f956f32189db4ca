import type { AddonMolmoConfig, AddonPointer } from '../engine/addon.js'
import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { Fields } from '../hub/fields.js'
import { molmoConfig } from '../hub/molmo-config.js'
import { testPicture } from './pictures.js'
import type { BenchOptions, BenchRow } from './run.js'

/** VideoMolmo's widths with few decoder blocks and a small vocabulary, so that it fits any machine. */
function benchConfig(blocks: number): AddonMolmoConfig {
  const fields = {
    hidden_size: 3584,
    num_hidden_layers: blocks,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 37888,
    vocab_size: 2048,
    embedding_size: 2048,
    rope_theta: 1e6,
    qkv_bias: true,
    temporal_adapter: true,
    preprocessor: { eos_token_id: 7 },
  }
  return molmoConfig(new Fields(fields, 'benchmark'))
}

function load(config: AddonMolmoConfig, { dtype, threads }: BenchOptions): Promise<AddonPointer> {
  return typed(addon().loadPointer({ config, weights: { hash: true }, dtype, threads }))
}

/** Crops of a 640x480 frame and the work of the 22 blocks that count, per crop. */
const CROPS = 7
const VIT_GFLOP_PER_CROP = 350.2

/** Vision encoder on a 640x480 frame: seven crops of 576 patches. */
export async function benchVit(options: BenchOptions): Promise<BenchRow[]> {
  const model = await load(benchConfig(1), options)
  const stream = model.openStream({ capacity: 1 })
  const picture = testPicture(640, 480)
  const times: number[] = []
  const stages = new Map<string, number[]>()
  for (let frame = 0; frame <= options.rounds; frame++) {
    const since = performance.now()
    const encoded = await typed(stream.encode(frame, picture))
    if (frame === 0) continue
    times.push(performance.now() - since)
    for (const [stage, ms] of Object.entries(encoded.times)) {
      stages.set(stage, [...(stages.get(stage) ?? []), ms])
    }
  }
  stream.dispose()
  await model.dispose()
  const work = { amount: CROPS * VIT_GFLOP_PER_CROP, unit: 'GFLOP' as const }
  return [
    { name: 'encode a 640x480 frame', times, work },
    ...[...stages].map(([name, list]) => ({ name: `  ${name}`, times: list })),
  ]
}

/** Parameters of one decoder block that a token reads. */
const BLOCK_PARAMETERS = 233_046_016
const BLOCKS = 2
const TOKENS = 32

/** Decoding of single tokens after the prompt of a 640x480 frame, two blocks of Qwen2-7B. */
export async function benchDecode(options: BenchOptions): Promise<BenchRow[]> {
  const model = await load(benchConfig(BLOCKS), options)
  const stream = model.openStream({ capacity: 1 })
  await typed(stream.encode(0, testPicture(640, 480)))
  const promptIds = Int32Array.from({ length: 12 }, (_, i) => 20 + i)
  const prefill: number[] = []
  const perToken: number[] = []
  for (let round = 0; round <= options.rounds; round++) {
    const since = performance.now()
    await typed(stream.answer([{ frameIndex: 0, promptIds }], { maxNewTokens: 1 }))
    const first = performance.now() - since
    const all = performance.now()
    const [answer] = await typed(
      stream.answer([{ frameIndex: 0, promptIds }], { maxNewTokens: 1 + TOKENS }),
    )
    const extra = answer!.ids.length - 1
    if (round === 0) continue
    prefill.push(first)
    if (extra > 0) perToken.push((performance.now() - all - first) / extra)
  }
  stream.dispose()
  await model.dispose()
  const bytes = BLOCKS * BLOCK_PARAMETERS * (options.dtype === 'bf16' ? 2 : 4)
  const work = { amount: bytes / 1e9, unit: 'GB' as const }
  return [
    { name: 'prefill, 753 positions', times: prefill },
    { name: 'one token, two blocks of 7B', times: perToken, work },
  ]
}
