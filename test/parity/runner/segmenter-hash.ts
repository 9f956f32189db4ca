import type {
  AddonFrameMasks,
  AddonImageFeatures,
  AddonSegmenter,
  AddonTensors,
} from '../../../lib/engine/addon.js'
import { parityAddon } from '../addon.js'
import { derive } from './derived.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet } from './golden.js'
import { hashFloats } from './hash.js'
import { Report } from './report.js'
import { attributesOf, loadSegmenter } from './segmenter.js'
import { f32, floats, i32, integers } from './tensors.js'

/** Real sizes with generated weights and frames: one point on the first frame, followed where frames follow. */
export async function runSegmenterHash(set: GoldenSet, engine: EngineOptions): Promise<Report> {
  const report = new Report(set, 'segmenter, generated weights')
  const actual: AddonTensors = generated(set)
  const segmenter = await loadSegmenter(set, engine)
  try {
    const first = await encode(set, segmenter, 0)
    Object.assign(actual, first.tensors)
    await segmentPoint(set, segmenter, first.features, actual)
    await follow(set, segmenter, first.features, actual)
  } finally {
    await segmenter.dispose()
  }
  for (const name of Object.keys(set.expected)) report.tensor(name, derive(set, name, actual))
  return report.finish()
}

const frameCount = (set: GoldenSet) => Object.keys(set.meta.inputs_hash ?? {}).length

function pixels(set: GoldenSet, frame: number): Float32Array {
  const { shape, scale } = set.meta.inputs_hash![`frame${frame}`]!
  return hashFloats(
    `input:frame${frame}`,
    shape.reduce((a, b) => a * b, 1),
    scale,
  )
}

async function encode(set: GoldenSet, segmenter: AddonSegmenter, frame: number) {
  const [, height, width] = set.meta.inputs_hash![`frame${frame}`]!.shape as [
    number,
    number,
    number,
  ]
  return parityAddon().encodeTensor(
    segmenter,
    pixels(set, frame),
    { width, height },
    { trace: frame === 0 },
  )
}

/** Some of the generated weights and inputs themselves, to find a wrong generator first. */
function generated(set: GoldenSet): AddonTensors {
  const actual: AddonTensors = { 'input.frame0': f32([8], pixels(set, 0).slice(0, 8)) }
  for (const name of Object.keys(set.expected)) {
    const match = /^weight\.(.+)\.head$/.exec(name)
    if (!match) continue
    const weight = match[1]!
    const shape = shapes(set).get(weight)
    if (!shape) continue
    const { mul = 1, add = 0 } = set.meta.weight_overrides?.[weight] ?? {}
    const made = parityAddon().runOp(
      'hash_weights',
      { shape: i32([shape.length], shape) },
      { name: weight, mul, add },
    )
    actual[`weight.${weight}`] = made.values!
  }
  return actual
}

/** The shapes of the tensors that the sets show, from the model's widths. */
function shapes(set: GoldenSet): Map<string, number[]> {
  const { trunk, hiddenSize, memoryEncoder, maxMemoryFrames } = attributesOf(set)
  const { widths, blocksPerStage, backgroundSize } = trunk
  const [width] = widths as [number]
  // Which stage block b ends in; its first block still reads the width of the stage before.
  const stageOf = (block: number) => {
    let end = 0
    return blocksPerStage.findIndex(count => {
      end += count
      return block < end
    })
  }
  const memory = memoryEncoder.channels
  return new Map([
    ['image_encoder.trunk.pos_embed', [1, width, ...backgroundSize]],
    ['image_encoder.trunk.patch_embed.proj.weight', [width, 3, 7, 7]],
    [
      'image_encoder.trunk.blocks.3.attn.qkv.weight',
      [3 * widths[stageOf(3)]!, widths[stageOf(2)]!],
    ],
    ['image_encoder.trunk.blocks.0.norm1.weight', [width]],
    ['image_encoder.neck.convs.0.conv.bias', [hiddenSize]],
    ['memory_encoder.fuser.layers.0.gamma', [hiddenSize]],
    ['sam_mask_decoder.output_upscaling.0.weight', [hiddenSize, hiddenSize / 4, 2, 2]],
    ['maskmem_tpos_enc', [maxMemoryFrames, 1, 1, memory]],
    ['sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix', [2, hiddenSize / 2]],
    ['memory_attention.layers.0.cross_attn_image.k_proj.weight', [hiddenSize, memory]],
  ])
}

const prompt = (set: GoldenSet) => ({
  points: floats(set.input('point_coords')),
  labels: integers(set.input('point_labels')),
})

async function segmentPoint(
  set: GoldenSet,
  segmenter: AddonSegmenter,
  features: AddonImageFeatures,
  actual: AddonTensors,
): Promise<void> {
  for (const multimask of [true, false]) {
    const result = await segmenter.segment(features, [prompt(set)], { multimask, trace: true })
    const mode = `image.point.${multimask ? 'multi' : 'single'}`
    const grid = Math.sqrt(result.lowResLogits[0]!.length / result.count)
    actual[`${mode}.low_res`] = f32([result.count, grid, grid], result.lowResLogits[0]!)
    actual[`${mode}.iou`] = f32([result.count], result.ious[0]!)
    for (const name of ['all_iou', 'object_score', 'sparse', 'mask_tokens_out']) {
      const tensor = result.tensors?.[name]
      if (tensor) actual[`image.point.${name}`] = tensor
    }
  }
}

async function follow(
  set: GoldenSet,
  segmenter: AddonSegmenter,
  first: AddonImageFeatures,
  actual: AddonTensors,
): Promise<void> {
  const { width, height } = first
  const count = frameCount(set)
  const video = segmenter.openVideo({
    width,
    height,
    frameCount: count,
    fillHoleArea: 0,
    binarizeMaskFromPoints: true,
    keepCorrections: false,
  })
  const keep = (result: { tensors?: AddonTensors }) => {
    for (const [name, tensor] of Object.entries(result.tensors ?? {})) {
      const short = name.replace(/^(?:preflight\.)?f(\d+)\.o\d+\./, 'frame$1.')
      actual[short] = tensor
    }
  }
  const area = (frame: number, result: AddonFrameMasks) => {
    const set = result.masks[0]!.reduce((sum, value) => sum + value, 0)
    actual[`frame${frame}.video_mask_area`] = i32([1], [set])
  }
  const options = { trace: true }
  const clicked = await video.addPoints(0, first, 1, prompt(set), options)
  keep(clicked)
  area(0, clicked)
  keep(await video.commit(0, first, options))
  for (let frame = 1; frame < count; frame++) {
    const { features } = await encode(set, segmenter, frame)
    const tracked = await video.track(frame, features, options)
    keep(tracked)
    area(frame, tracked)
    features.dispose()
  }
  video.dispose()
}
