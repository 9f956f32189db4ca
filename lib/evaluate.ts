/**
 * Benchmarks and their scores, as the public benchmarks and the VideoMolmo paper compute them:
 *
 *     import { openDataset, scoreMasks } from 'videomolmo/evaluate'
 *
 *     const { j, f } = scoreMasks(truth, predicted)
 *
 * All scores are float64 in 0 .. 1 unless said otherwise. What a list without entries gives is
 * null, never NaN.
 */

export { writeArchive } from './datasets/archive.js'
export type {
  Dataset,
  DatasetName,
  Expression,
  ObjectMasks,
  Protocol,
  ResultPart,
  Sequence,
} from './datasets/dataset.js'
export { DATASETS, type DatasetOptions, openDataset } from './datasets/open.js'
export { type Problem, Problems } from './datasets/problems.js'
export { checkExtraResults, mergeMasks, resultParts, writeResult } from './datasets/results.js'
export type { MaskComparison } from './engine/public-types.js'
export * from './metrics/index.js'
