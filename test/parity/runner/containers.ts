import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AddonTensors } from '../../../lib/engine/addon.js'
import { addon } from '../../../lib/engine/loader.js'
import { parityAddon } from '../addon.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet } from './golden.js'
import { sampledLike } from './packed.js'
import { Report } from './report.js'
import { loadSegmenter } from './segmenter.js'
import { upsample } from './segmenter-image.js'
import { f32, floats, image, integers } from './tensors.js'

/** The same weights in several containers: each must give the set's results. */
export async function runContainers(set: GoldenSet, engine: EngineOptions): Promise<Report> {
  const report = new Report(set, 'segmenter containers')
  for (const file of ['model.safetensors', 'model_hf.safetensors', 'model.pt']) {
    if (!set.hasWeights(file)) continue
    const actual = await results(set, engine, file)
    for (const [name, expected] of Object.entries(set.expected)) {
      if (name.startsWith('odd.')) continue
      const found = actual[name]
      const label = `${file}: ${name}`
      const tolerance = set.tolerance(name)
      if (found) report.values(label, sampledLike(expected, found.data), expected.data, tolerance)
      else report.fail(label, tolerance, 'not recorded by the engine')
    }
  }
  compareOdd(set, report)
  refuse(set, report)
  for (const name of Object.keys(set.expected)) {
    if (!name.startsWith('odd.')) report.skip(name, 'compared per container')
  }
  return report.finish()
}

/** What is legal but unusual in a PyTorch file. */
function compareOdd(set: GoldenSet, report: Report): void {
  const actual = addon().readTensors(set.file('odd.pt'))
  for (const [name, expected] of Object.entries(set.expected)) {
    if (!name.startsWith('odd.')) continue
    const found = actual[name.slice('odd.'.length)]
    const tolerance = set.tolerance(name)
    if (found) report.values(name, sampledLike(expected, found.data), expected.data, tolerance)
    else report.fail(name, tolerance, 'not in odd.pt')
  }
}

/** Files that must end in a clean error. */
function refuse(set: GoldenSet, report: Report): void {
  const folder = join(set.folder, 'reject')
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    let code: unknown
    try {
      addon().readTensors(join(folder, file))
    } catch (error) {
      code = (error as { code?: unknown }).code
    }
    if (code === 'CHECKPOINT_INVALID') report.values(`reject/${file}`, [], [], 0)
    else report.fail(`reject/${file}`, 0, `expected CHECKPOINT_INVALID, got ${code ?? 'tensors'}`)
  }
}

async function results(set: GoldenSet, engine: EngineOptions, file: string): Promise<AddonTensors> {
  const segmenter = await loadSegmenter(set, engine, file)
  try {
    const picture = image(set.input('image.rgb'))
    const { features, tensors } = await segmenter.encode(picture, { mode: 'image', trace: true })
    const points = set.inputs.points ?? set.input('point_coords')
    const labels = set.inputs.labels ?? set.input('point_labels')
    const prompt = { points: floats(points), labels: integers(labels) }
    const result = await segmenter.segment(features, [prompt], { multimask: true })
    const low = result.lowResLogits[0]!
    const grid = Math.sqrt(low.length / result.count)
    const size = Number(set.config.image_size)
    const first = f32([1, grid, grid], low.slice(0, grid * grid))
    const mask = upsample(first, size, size)
    const memory = await parityAddon().runStage(
      segmenter,
      'memory_encoder',
      features,
      { mask_logits: { ...mask, shape: [1, 1, size, size] } },
      { binarize: false, objectScore: 1 },
    )
    return {
      ...tensors,
      low_res: f32([result.count, grid, grid], low),
      iou: f32([result.count], result.ious[0]!),
      'memenc.features': memory.features!,
    }
  } finally {
    await segmenter.dispose()
  }
}
