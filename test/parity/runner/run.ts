import { runContainers } from './containers.js'
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

export interface RunOptions {
  /** 0: one per available core. */
  threads?: number
}

/**
 * Runs a golden set through the engine. What kind of set it is is read from its files, never from its
 * folder's name.
 */
export async function runGoldenSet(folder: string, options: RunOptions = {}): Promise<Report> {
  const set = new GoldenSet(folder)
  const threads = options.threads ?? 0
  if (set.cases?.parse) return runText(set)
  if (set.config.quant_type) return runQuantise(set)
  if (set.config.tau) return await runFusion(set)
  if (set.config.model_type === 'sam2_video') return await runSegmenter(set, threads)
  if (set.config.model_type === 'molmo') {
    const hasModel = set.config.hidden_size !== undefined
    return hasModel ? await runPointer(set, threads) : runPreprocess(set)
  }
  if (isMetric(set)) return await runMetrics(set)
  const type = set.config.model_type ?? 'none'
  throw new Error(`${folder}: no runner for this kind of golden set (model_type ${type})`)
}

function runSegmenter(set: GoldenSet, threads: number): Promise<Report> {
  if (set.meta.ops) return runSegmenterVideo(set, threads)
  if (set.meta.inputs_hash) return runSegmenterHash(set, threads)
  const manyContainers = set.has('model_hf.safetensors') || set.has('model.pt')
  return manyContainers ? runContainers(set, threads) : runSegmenterImage(set, threads)
}
