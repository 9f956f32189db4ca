import type {
  AddonImageFeatures,
  AddonImagePrompt,
  AddonSegmenter,
  AddonTensor,
  AddonTensors,
} from '../../../lib/engine/addon.js'
import { parityAddon } from '../addon.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet } from './golden.js'
import { Report } from './report.js'
import { loadSegmenter } from './segmenter.js'
import { f32, floats, image, integers, stack } from './tensors.js'

/** The image path: preprocessing, trunk, neck, prompts, decoder; single components and units. */
export async function runSegmenterImage(set: GoldenSet, engine: EngineOptions): Promise<Report> {
  const report = new Report(set, 'segmenter image')
  const segmenter = await loadSegmenter(set, engine)
  const actual: AddonTensors = {}
  try {
    const features = await encode(set, segmenter, actual)
    for (const name of set.caseNames('labels').concat(set.caseNames('box'), maskCases(set))) {
      if (name.startsWith('case.')) await segmentCase(set, segmenter, features, name, actual)
    }
    await components(set, segmenter, features, actual)
  } finally {
    await segmenter.dispose()
  }
  units(set, actual)
  for (const name of Object.keys(set.expected)) report.tensor(name, actual[name])
  return report.finish()
}

const maskCases = (set: GoldenSet) => set.caseNames('mask_input')

async function encode(
  set: GoldenSet,
  segmenter: AddonSegmenter,
  actual: AddonTensors,
): Promise<AddonImageFeatures> {
  const picture = image(set.input('image.rgb'))
  const small = set.inputs['image_small.rgb']
  if (small) {
    const { features, tensors } = await segmenter.encode(image(small), {
      mode: 'image',
      trace: true,
    })
    actual['prep.image_predictor_small'] = tensors!['prep.image_predictor']!
    features.dispose()
  }
  const video = await segmenter.encode(picture, { mode: 'video', trace: true })
  video.features.dispose()
  for (const name of ['prep.video_loader', 'prep.pil_bicubic_u8']) {
    const tensor = video.tensors![name]
    if (tensor) actual[name] = tensor
  }
  const { features, tensors } = await segmenter.encode(picture, { mode: 'image', trace: true })
  Object.assign(actual, tensors)
  return features
}

export function promptOf(set: GoldenSet, name: string): AddonImagePrompt {
  const prompt: AddonImagePrompt = {}
  const points = set.inputs[`${name}.points`]
  const labels = set.inputs[`${name}.labels`]
  const box = set.inputs[`${name}.box`]
  const mask = set.inputs[`${name}.mask_input`]
  if (points) prompt.points = floats(points)
  if (labels) prompt.labels = integers(labels)
  if (box) prompt.box = floats(box)
  if (mask) prompt.maskInput = floats(mask)
  return prompt
}

async function segmentCase(
  set: GoldenSet,
  segmenter: AddonSegmenter,
  features: AddonImageFeatures,
  name: string,
  actual: AddonTensors,
): Promise<void> {
  if (actual[`${name}.multi.low_res`]) return
  const prompt = promptOf(set, name)
  const { width, height } = features
  for (const multimask of [true, false]) {
    const mode = `${name}.${multimask ? 'multi' : 'single'}`
    const result = await segmenter.segment(features, [prompt], { multimask, trace: true })
    const traced = result.tensors!
    const pixels = result.masks[0]!
    actual[`${mode}.masks_orig_res`] = stack([pixels], height * result.count, width)
    actual[`${mode}.masks_orig_res`]!.shape = [result.count, height, width]
    for (const [stage, tensor] of Object.entries(traced)) {
      if (stage === 'low_res' || stage === 'iou') actual[`${mode}.${stage}`] = tensor
      else if (stage.startsWith('dec.')) keepDecoder(set, name, stage, tensor, actual)
      else actual[`${name}.${stage}`] = tensor
    }
    const lowRes = traced.low_res
    if (lowRes && set.expected[`${mode}.masks_orig_logits.0`]) {
      actual[`${mode}.masks_orig_logits.0`] = upsample(firstMask(lowRes), height, width)
    }
  }
}

/** The decoder's inner stages are stored for one case, the one with three points. */
function keepDecoder(
  set: GoldenSet,
  name: string,
  stage: string,
  tensor: AddonTensor,
  actual: AddonTensors,
): void {
  const expected = set.expected[stage]
  if (!expected) return
  const most = Math.max(
    ...set.caseNames('points').map(one => set.inputs[`${one}.points`]!.shape[0]!),
  )
  if (set.inputs[`${name}.points`]?.shape[0] === most) actual[stage] ??= tensor
}

function firstMask(masks: AddonTensor): AddonTensor {
  const [height, width] = masks.shape.slice(-2) as [number, number]
  return f32([1, height, width], floats(masks).slice(0, height * width))
}

/** Bilinear with half-pixel centres, [N, h, w] -> [N, height, width]. */
export function upsample(logits: AddonTensor, height: number, width: number): AddonTensor {
  return parityAddon().runOp('resize_bilinear', { x: logits }, { height, width }).out!
}

// --- single components -------------------------------------------------------------------------------

async function components(
  set: GoldenSet,
  segmenter: AddonSegmenter,
  features: AddonImageFeatures,
  actual: AddonTensors,
): Promise<void> {
  const run = async (
    prefix: string,
    stage: string,
    inputs: AddonTensors,
    attributes: Record<string, number | boolean> = {},
    rename: Record<string, string> = {},
  ) => {
    const made = await parityAddon().runStage(segmenter, stage, features, inputs, attributes)
    for (const [name, tensor] of Object.entries(made)) {
      actual[prefix ? `${prefix}.${rename[name] ?? name}` : name] = tensor
    }
  }
  await decoderComponents(set, run)
  await memoryComponents(set, run, actual)
}

type RunStage = (
  prefix: string,
  stage: string,
  inputs: AddonTensors,
  attributes?: Record<string, number | boolean>,
  rename?: Record<string, string>,
) => Promise<void>

async function decoderComponents(set: GoldenSet, run: RunStage): Promise<void> {
  const batch = set.inputs['model_space.batch2.coords']
  if (batch) {
    const labels = set.input('model_space.batch2.labels')
    await run('batch2', 'decode', { coords: batch, labels })
  }
  const coords = set.inputs['model_space.three_points.coords']
  if (!coords) return
  const labels = set.input('model_space.three_points.labels')
  const points = (count: number): AddonTensors => ({
    coords: f32([1, count, 2], floats(coords).slice(0, 2 * count)),
    labels: { dtype: 'I32', shape: [1, count], data: integers(labels).slice(0, count) },
  })
  await run('heads.pts1', 'heads', points(1), { multimask: true })
  await run('heads.pts3', 'heads', points(3), { multimask: false })
  // The tracker's heads take "no prompt" for one point with label -1.
  const none: AddonTensors = {
    coords: f32([1, 1, 2], new Float32Array(2)),
    labels: { dtype: 'I32', shape: [1, 1], data: Int32Array.of(-1) },
  }
  await run('heads.no_prompt', 'heads', none, { multimask: true })
  const negative = set.inputs['heads.neg_features']
  if (negative) {
    const inputs = { ...none, features: negative }
    await run('heads.no_prompt_neg', 'heads', inputs, { multimask: true })
  }
  const previous = set.inputs['heads.pts1_prev.prev_logits']
  if (previous) {
    const inputs = { ...points(2), prev_logits: previous }
    await run('heads.pts1_prev', 'heads', inputs, { multimask: false })
  }
}

async function memoryComponents(
  set: GoldenSet,
  run: RunStage,
  actual: AddonTensors,
): Promise<void> {
  for (const name of ['mask_as_output', 'mask_as_output_b']) {
    const mask = set.inputs[`${name}.mask`]
    if (mask) await run(name, 'mask_as_output', { mask })
  }
  const mask = set.inputs['mask_as_output.mask']
  if (mask) {
    const empty: AddonTensor = { ...mask, data: new Uint8Array(mask.data.length) }
    await run('mask_as_output_empty', 'mask_as_output', { mask: empty })
  }
  const logits = set.inputs['memenc.mask_logits']
  if (logits) {
    const encode = (name: string, attributes: Record<string, number | boolean>) =>
      run('memenc', 'memory_encoder', { mask_logits: logits }, attributes, {
        features: `${name}.features`,
      })
    await encode('sigmoid', { binarize: false, objectScore: 1 })
    await encode('sigmoid_absent', { binarize: false, objectScore: -0.5 })
    // Last: its inner stages are the ones that the set stores.
    await encode('binarized', { binarize: true, objectScore: 1 })
  }
  await memoryAttention(set, run, actual)
  if (set.expected.sine1d) {
    const distances = f32(
      [5],
      Float32Array.of(0, 1, 2, 7, 15).map(t => t / 15),
    )
    await run('', 'pointer_position', { distances })
  }
}

async function memoryAttention(set: GoldenSet, run: RunStage, actual: AddonTensors): Promise<void> {
  const memory = set.inputs['memattn.memory']
  const position = set.inputs['memattn.memory_pos']
  if (!memory || !position) return
  // Whole frames of memory come first; what is left over are pointer tokens.
  const [height, width] = actual.vision_features!.shape.slice(-2) as [number, number]
  const [tokens, , channels] = memory.shape as [number, number, number]
  const pointerTokens = tokens % (height * width)
  const spatial = tokens - pointerTokens
  const cut = (tensor: AddonTensor) =>
    f32([spatial, 1, channels], floats(tensor).slice(0, spatial * channels))
  const without = { memory: cut(memory), memory_pos: cut(position) }
  await run('memattn', 'memory_attention', without, { pointerTokens: 0 })
  actual['memattn.out_no_pointers'] = actual['memattn.out']!
  await run('memattn', 'memory_attention', { memory, memory_pos: position }, { pointerTokens })
}

// --- units -------------------------------------------------------------------------------------------

function units(set: GoldenSet, actual: AddonTensors): void {
  const size = Number(set.config.image_size)
  const run = (
    unit: string,
    op: string,
    attributes: Record<string, number>,
    rename: Record<string, string> = { out: 'out' },
  ) => {
    const x = set.inputs[`unit.${unit}.in`]
    if (!x) return
    const made = parityAddon().runOp(op, { x }, attributes)
    for (const [name, wanted] of Object.entries(rename))
      actual[`unit.${unit}.${wanted}`] = made[name]!
  }
  run('non_overlap', 'sam2_non_overlap', {})
  run('fill_holes', 'sam2_fill_holes', { area: 8 })
  const upsampled = set.expected['unit.upsample.out']
  if (upsampled) {
    const [height, width] = upsampled.shape.slice(-2) as [number, number]
    run('upsample', 'resize_bilinear', { height, width })
  }
  const mask = { resized: 'resized', binary: 'binary' }
  run('mask_input', 'sam2_mask_input', { size }, mask)
  run('mask_input_small', 'sam2_mask_input', { size }, mask)
  run('mask_prompt', 'resize_antialias', { height: size / 4, width: size / 4 }, { out: 'low_res' })
  const rope = set.expected['unit.rope.cos']
  if (rope) {
    const [positions, half] = rope.shape as [number, number]
    const attributes = { grid: Math.sqrt(positions), width: 2 * half, theta: 10000 }
    const made = parityAddon().runOp('sam2_rope', {}, attributes)
    actual['unit.rope.cos'] = made.cos!
    actual['unit.rope.sin'] = made.sin!
  }
}
