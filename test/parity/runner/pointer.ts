import type {
  AddonImage,
  AddonPointer,
  AddonTensor,
  AddonTensors,
  AddonWeights,
} from '../../../lib/engine/addon.js'
import { addon } from '../../../lib/engine/loader.js'
import { Fields } from '../../../lib/families/fields.js'
import { type MolmoAttributes, molmoAttributes } from '../../../lib/families/molmo-attributes.js'
import { derive } from './derived.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet } from './golden.js'
import { fnv1a32, hashBlocks } from './hash.js'
import { Report } from './report.js'
import { image, integers, row } from './tensors.js'

/** A frame with its predecessors, oldest first. */
export interface PointerCase {
  name: string
  frame: AddonImage
  previous: AddonImage[]
  promptIds: Int32Array
}

/** Stages of the same model with every weight rounded to bfloat16, or quantised as the reference does. */
const VARIANTS = [
  ['bf16w.', 'bf16'],
  ['fp4.', 'fp4'],
] as const

export async function runPointer(set: GoldenSet, engine: EngineOptions): Promise<Report> {
  const report = new Report(set, 'pointer')
  const { attributes, weights } = pointerModel(set)
  const cases = pointerCases(set, attributes.previousFrames)
  const names = Object.keys(set.expected)
  const runAll = async (dtype: 'fp32' | 'bf16' | 'fp4', prefix: string) => {
    const pointer = await addon().loadPointer({
      family: 'molmo',
      attributes,
      weights,
      ...engine,
      dtype,
    })
    try {
      for (const one of cases)
        compare(set, report, one.name, prefix, await answer(set, pointer, one))
    } finally {
      await pointer.dispose()
    }
  }
  await runAll(engine.dtype ?? set.dtype, '')
  for (const [prefix, dtype] of VARIANTS) {
    if (names.some(name => name.startsWith(prefix))) await runAll(dtype, prefix)
  }
  return report.finish()
}

/** Attributes and weights of a set's model. */
export function pointerModel(set: GoldenSet): {
  attributes: MolmoAttributes
  weights: AddonWeights
} {
  const config = molmoAttributes(new Fields(set.config, set.file('config.json')))
  // The sets decode a fixed number of steps without a stop condition.
  const attributes = { ...config, eos: -1 }
  const model = set.base ?? set
  const hash = model.meta.weights === 'hash'
  return { attributes, weights: hash ? { hash } : { path: model.file('model.safetensors') } }
}

export function pointerCases(set: GoldenSet, previousFrames: number): PointerCase[] {
  if (!set.inputs.frame && set.meta.frame && set.inputs.frame_fnv1a) {
    return [generatedCase(set, previousFrames)]
  }
  return set.caseNames('frame').map(name => {
    const prefix = name ? `${name}.` : ''
    const prev = set.inputs[`${prefix}prev`]
    const cases = set.meta.cases as Record<string, { real_previous_frames?: number }> | undefined
    const real = prev ? (cases?.[name]?.real_previous_frames ?? prev.shape[0]!) : 0
    const previous: AddonImage[] = []
    // prev is in the order of the running mean: black fillers, then frame f-1, f-2, ...
    for (let j = 0; j < real; j++) previous.unshift(image(row(prev!, prev!.shape[0]! - real + j)))
    return {
      name,
      frame: image(set.input(`${prefix}frame`)),
      previous,
      promptIds: integers(set.input(`${prefix}prompt_ids`)),
    }
  })
}

/** Pictures made by the generator: 16x16 blocks; the left half of every previous frame is the frame's. */
function generatedCase(set: GoldenSet, previousFrames: number): PointerCase {
  const { width, height, real_previous_frames: real = previousFrames } = set.meta.frame!
  const name = `input:${set.meta.name}`
  const frame = hashBlocks(`${name}.frame`, width, height)
  checkImage(frame, Number(set.input('frame_fnv1a').data[0]), 'frame')
  const sums = set.input('prev_fnv1a').data
  const previous: AddonImage[] = []
  for (let j = 0; j < real; j++) {
    const data = hashBlocks(`${name}.prev${j}`, width, height)
    const half = Math.floor(width / 2) * 3
    for (let y = 0; y < height; y++) {
      data.set(frame.subarray(y * width * 3, y * width * 3 + half), y * width * 3)
    }
    checkImage(data, Number(sums[sums.length - real + j]), `prev${j}`)
    previous.unshift({ data, width, height })
  }
  const promptIds = integers(set.input('prompt_ids'))
  return { name: '', frame: { data: frame, width, height }, previous, promptIds }
}

export function checkImage(bytes: Uint8Array, checksum: number, name: string): void {
  if (fnv1a32(bytes) !== checksum >>> 0) {
    throw new Error(`the generated image ${name} differs from the golden set's`)
  }
}

async function answer(
  set: GoldenSet,
  pointer: AddonPointer,
  { name, frame, previous, promptIds }: PointerCase,
): Promise<AddonTensors> {
  const frameIndex = previous.length
  const stream = pointer.openStream({ capacity: previous.length + 1 })
  try {
    for (const [index, picture] of previous.entries()) {
      await stream.encode(index, picture, { trace: true })
    }
    const encoded = await stream.encode(frameIndex, frame, { trace: true })
    const ids = set.expected[name ? `${name}.gen.ids` : 'gen.ids']
    const [result] = await stream.answer([{ frameIndex, promptIds }], {
      maxNewTokens: ids ? ids.data.length : 1,
      trace: true,
    })
    const generated: AddonTensor = {
      dtype: 'I32',
      shape: [result!.ids.length],
      data: result!.ids,
    }
    return { ...encoded.tensors, ...result!.tensors, 'gen.ids': generated }
  } finally {
    stream.dispose()
  }
}

/** `variant`: '' for the plain stages, or the prefix of one of VARIANTS. */
function compare(
  set: GoldenSet,
  report: Report,
  name: string,
  variant: string,
  recorded: AddonTensors,
): void {
  const prefix = variant + (name ? `${name}.` : '')
  for (const expected of Object.keys(set.expected)) {
    if (!expected.startsWith(prefix)) continue
    if (variant === '' && VARIANTS.some(([other]) => expected.startsWith(other))) continue
    if (set.rounded && expected.startsWith(`${prefix}gen.`)) {
      report.skip(expected, 'chosen tokens are compared in fp32 only')
      continue
    }
    report.tensor(expected, derive(set, expected, recorded, prefix), name)
  }
}
