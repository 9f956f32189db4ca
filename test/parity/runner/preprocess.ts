import type { AddonTensor } from '../../../lib/engine/addon.js'
import { Fields } from '../../../lib/families/fields.js'
import { molmoAttributes } from '../../../lib/families/molmo-attributes.js'
import { parityAddon } from '../addon.js'
import type { GoldenSet } from './golden.js'
import { hashImage } from './hash.js'
import { checkImage } from './pointer.js'
import { Report } from './report.js'
import { f32, floats, i32, integers, u8 } from './tensors.js'

interface PreprocessCase {
  name: string
  width: number
  height: number
  image: { kind: string; hash_name: string }
  prompt_index?: number
}

/** Preprocessing alone: no model, so what the configuration leaves out is never read. */
function attributes(set: GoldenSet): Record<string, number> {
  const minimal = {
    hidden_size: 1,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    intermediate_size: 2,
    vocab_size: 1,
  }
  const size = (set.config.preprocessor as { base_image_input_size?: number[] } | undefined)
    ?.base_image_input_size
  const config = molmoAttributes(
    new Fields(
      { ...minimal, ...(size ? { vision_config: { image_size: size } } : {}), ...set.config },
      set.file('config.json'),
    ),
  )
  return {
    image_size: config.vit.imageSize,
    patch_size: config.vit.patchSize,
    max_crops: config.preprocess.maxCrops,
    margin_before: config.preprocess.marginBefore,
    margin_after: config.preprocess.marginAfter,
    ...config.tokens,
    bos: config.bos,
  }
}

export function runPreprocess(set: GoldenSet): Report {
  const report = new Report(set, 'preprocess')
  const settings = attributes(set)
  for (const one of set.meta.cases as PreprocessCase[]) runCase(set, report, one, settings)
  if (set.inputs['sweep.width_height']) {
    const { result } = parityAddon().runOp(
      'molmo_layout',
      { width_height: set.input('sweep.width_height') },
      settings,
    )
    // Where a scaled size is 0 the reference fails in the resize; ours is at least 1.
    const expected = set.expected['sweep.result']!
    const clamped = integers(expected).map((size, i) =>
      i % 8 >= 2 && i % 8 < 6 && size === 0 ? 1 : size,
    )
    report.values('sweep.result', result!.data, clamped, set.tolerance('sweep.result'))
  }
  return report.finish()
}

function runCase(
  set: GoldenSet,
  report: Report,
  { name, width, height, image, prompt_index }: PreprocessCase,
  settings: Record<string, number>,
): void {
  const bytes = hashImage(image.kind, image.hash_name, width, height)
  checkImage(bytes, Number(set.input(`${name}.image_fnv1a`).data[0]), name)
  const ids = set.meta.prompts?.[prompt_index ?? 0]?.ids ?? []
  const made = parityAddon().runOp(
    'molmo_preprocess',
    { image: u8([height, width, 3], bytes), prompt_ids: i32([ids.length], ids) },
    settings,
  )
  const actual: Record<string, AddonTensor | undefined> = { ...made, ...patchFigures(made.crops!) }
  const position = set.expected[`${name}.sample_pos`]
  if (position) {
    actual.sample_pos = position
    actual.sample_val = pick(made.crops!, position)
  }
  const patches = set.expected[`${name}.full_pos`]
  if (patches) {
    actual.full_pos = patches
    actual.full_patch = pick(made.crops!, patches)
  }
  for (const expected of Object.keys(set.expected)) {
    if (!expected.startsWith(`${name}.`)) continue
    report.tensor(expected, actual[expected.slice(name.length + 1)], name)
  }
}

/** Mean and L2 of every patch, sum of every crop and channel, in float64. crops [T, N, values]. */
function patchFigures(crops: AddonTensor): Record<string, AddonTensor> {
  const [count, patches, length] = crops.shape as [number, number, number]
  const values = floats(crops)
  const mean = new Float32Array(count * patches)
  const norm = new Float32Array(count * patches)
  const sums = new Float64Array(count * 3)
  for (let p = 0; p < count * patches; p++) {
    let sum = 0
    let square = 0
    for (let i = 0; i < length; i++) {
      const value = values[p * length + i]!
      sum += value
      square += value * value
      sums[Math.floor(p / patches) * 3 + (i % 3)]! += value
    }
    mean[p] = sum / length
    norm[p] = Math.sqrt(square)
  }
  return {
    patch_mean: f32([count, patches], mean),
    patch_l2: f32([count, patches], norm),
    crop_channel_sum: f32([count, 3], Float32Array.from(sums)),
  }
}

/** Elements at the positions of `at` (rows are indices of the leading axes): values or whole patches. */
function pick(crops: AddonTensor, at: AddonTensor): AddonTensor {
  const [, patches, length] = crops.shape as [number, number, number]
  const values = floats(crops)
  const rows = integers(at)
  const [count, depth] = at.shape as [number, number]
  const size = depth === 3 ? 1 : length
  const picked = new Float32Array(count * size)
  for (let r = 0; r < count; r++) {
    const [crop, patch, element = 0] = rows.subarray(r * depth, (r + 1) * depth)
    const begin = (crop! * patches + patch!) * length + element
    picked.set(values.subarray(begin, begin + size), r * size)
  }
  return f32(size === 1 ? [count] : [count, size], picked)
}
