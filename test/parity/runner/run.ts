import { runContainers } from './containers.js'
import type { EngineOptions } from './engine-options.js'
import { runFusion } from './fusion.js'
import { GoldenSet } from './golden.js'
import { isMetric, runMetrics } from './metrics.js'
import { runPointer } from './pointer.js'
import { runPreprocess } from './preprocess.js'
import { runQuantise } from './quantise.js'
import type { Report } from './report.js'
import { runSegmenterHash } from './segmenter-hash.js'
import { runSegmenterImage } from './segmenter-image.js'
import { runSegmenterVideo } from './segmenter-video.js'
import { runText } from './text.js'

/**
 * Runs a golden set through the engine. What kind of set it is is read from its files, never from its
 * folder's name.
 */
export async function runGoldenSet(
  folder: string,
  options: Partial<EngineOptions> = {},
): Promise<Report> {
  const set = new GoldenSet(folder)
  const engine = { threads: 0, device: 'cpu', ...options }
  if (engine.device !== 'cpu') set.leastTolerance = 1e-3
  set.rounded = engine.dtype === 'bf16'
  if (set.cases?.parse) return runText(set)
  if (set.config.quant_type) return runQuantise(set)
  if (set.config.tau) return await runFusion(set)
  if (set.config.model_type === 'sam2_video') return await runSegmenter(set, engine)
  if (set.config.model_type === 'molmo') {
    const hasModel = set.config.hidden_size !== undefined
    return hasModel ? await runPointer(set, engine) : runPreprocess(set)
  }
  if (isMetric(set)) return await runMetrics(set)
  const type = set.config.model_type ?? 'none'
  throw new Error(`${folder}: no runner for this kind of golden set (model_type ${type})`)
}

function runSegmenter(set: GoldenSet, engine: EngineOptions): Promise<Report> {
  if (set.meta.ops) return runSegmenterVideo(set, engine)
  if (set.meta.inputs_hash) return runSegmenterHash(set, engine)
  const manyContainers = set.hasWeights('model_hf.safetensors') || set.has('model.pt')
  return manyContainers ? runContainers(set, engine) : runSegmenterImage(set, engine)
}
