import type { GoldenSet } from './golden.js'

/**
 * How far a stage that was computed in bf16 may lie from the reference, as relative L2. docs/cuda.md derives it:
 * a rounding to bf16 moves a tensor by at most 2^-9 of its norm (root mean square), and the errors of r
 * independent ones add up to 2^-9 sqrt(r). 1.5 is allowed for what stages between amplify.
 */
export function bf16Bound(roundings: number): number {
  return 1.5 * 2 ** -9 * Math.sqrt(roundings)
}

/** Weights and inputs of a product. */
const product = 2
/**
 * A transformer block: input, weights, results of q, k and v, their rotation, the attention weights, the mixed
 * values and the weights behind them; input and weights of both products of the MLP, its hidden activations.
 */
const attention = 14
const block = attention + 6
/**
 * Blocks that add to one residual stream count 1 + 1/2 + 1/3 ...: the stream grows with them, so that the
 * share of one block in it, and with it that of the block's errors, falls like this.
 */
function blocks(count: number): number {
  let sum = 0
  for (let i = 1; i <= count; i++) sum += block / i
  return sum
}
/** What comes before the first block: a product, its bias or positions, a norm's weights and bias. */
const embedding = product + 3

/** A rule: the first whose pattern matches a stage's name says how many roundings lie on the way to it. */
type Rule = readonly [RegExp, (index: number) => number]

function countOf(rules: readonly Rule[], name: string): number {
  for (const [pattern, count] of rules) {
    const found = pattern.exec(name)
    if (found) return count(Number(found[1] ?? 0))
  }
  throw new Error(`no bound in bf16 is known for the stage ${name}`)
}

const part = (value: unknown) => (value ?? {}) as Record<string, unknown>

function pointerRules(set: GoldenSet): readonly Rule[] {
  const vit = embedding + blocks(Number(part(set.config.vision_config).num_hidden_layers))
  const image = vit + 2 * attention + 6
  const layers = Number(set.config.num_hidden_layers)
  return [
    [/^pre\./, () => 0],
    [/^llm\.embed_text/, () => 1],
    [/^vit\.embed/, () => embedding],
    [/^vit\.hidden\.(\d+)/, i => embedding + blocks(i + 1)],
    [/^(vit|prev|win)\./, () => vit],
    [/^adapter\./, () => vit + attention],
    [/^(pool|proj|llm\.embed)/, () => image],
    [/^llm\.kv\.(\d+)/, i => image + blocks(i) + 5],
    [/^llm\.hidden\.(\d+)/, i => image + blocks(i + 1)],
    [/^llm\./, () => image + blocks(layers) + product],
  ]
}

/** Prompts' sines and cosines of rounded frequencies, whose angles reach several turns. */
const prompt = 36
const decoderLayer = 3 * attention + 4

function segmenterRules(set: GoldenSet): readonly Rule[] {
  const stages = part(part(set.config.vision_config).backbone_config).blocks_per_stage as number[]
  const trunk = embedding + blocks(stages.reduce((sum, count) => sum + count, 0))
  const memory = trunk + 5 * product + 2 * 6
  const decoded = trunk + prompt + 2 * decoderLayer + attention + 8
  return [
    [/^(prep|unit|sine1d$|fpn_pos|memenc\.pos)|(frames|obj_ids)$/, () => 0],
    [/^(trunk\.pos_embed|sine1d_projected)/, () => product],
    [/(\.sparse|\.dense|dense_pe|dec\.tokens_in)$/, () => prompt],
    [/^trunk\.patch_embed/, () => product + 1],
    [/^trunk\.block\.(\d+)/, i => embedding + blocks(i + 1)],
    [/^(fpn|high_res|vision_features|image_embed)/, () => trunk + product],
    [/^memenc\.mask_downsampler\.(\d+)/, i => embedding * (Math.floor(i / 3) + 1)],
    [/^memenc\./, () => memory],
    [/^memattn\.layer\.(\d+)/, i => trunk + (block + attention) * (i + 1)],
    [/^memattn\./, () => trunk + (block + attention) * 4],
    [/^dec\.layer\.(\d+)/, i => trunk + prompt + decoderLayer * (i + 1)],
    [/./, () => decoded],
  ]
}

/**
 * A stage's bound; `name` is the stage's name without its case, `exact` its tolerance in fp32. Where a set allows
 * more in fp32 than the usual 1e-4, its model amplifies errors by as much, and so it does those of bf16.
 */
export function stageBound(set: GoldenSet, name: string, exact: number): number {
  const rules = set.config.model_type === 'molmo' ? pointerRules(set) : segmenterRules(set)
  // Memories are rounded to bf16 in fp32 too, which is all that their tolerance is for.
  const gain = name.endsWith('maskmem') ? 1 : Math.max(1, exact / 1e-4)
  return bf16Bound(countOf(rules, name)) * gain
}

/** Masks, scores and choices among masks: what the mask decoder hands out. */
const decided = /^(case\.(?!.*\.(sparse|dense)$)|heads\.|batch2\.|op\d)/

/** Why a stage has no useful bound in bf16; undefined where it has one. */
export function unboundedReason(set: GoldenSet, name: string, bound: number): string | undefined {
  const untrained = ['stored', 'hash'].includes(set.meta.weights ?? 'none')
  if (set.config.model_type !== 'molmo' && untrained && decided.test(name)) {
    return 'logits of an untrained model lie around 0, where any rounding decides'
  }
  return bound > 0.5
    ? `its numbers cancel: the bound in bf16 is ${bound.toPrecision(2)}`
    : undefined
}
