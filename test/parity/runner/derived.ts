import type { AddonTensor, AddonTensors } from '../../../lib/engine/addon.js'
import type { GoldenSet } from './golden.js'
import { f32, floats, i32, integers, l2, statistics } from './tensors.js'

/**
 * Sets of real size store samples and norms of a tensor instead of the tensor: <stage>.sample at
 * <stage>.sample_idx, .norm, .row_norms, .shape; or <stage>.samples (every step-th element), .stats
 * [L2, mean, std] and .head. This makes the same from the recorded tensor.
 */
export function derive(
  set: GoldenSet,
  name: string,
  recorded: AddonTensors,
  prefix = '',
): AddonTensor | undefined {
  const direct = recorded[name.slice(prefix.length)]
  if (direct) return direct
  const dot = name.lastIndexOf('.')
  const base = recorded[name.slice(prefix.length, dot)]
  const expected = set.expected[name]
  if (!base || !expected) return undefined
  const values = floats(base)
  const stage = name.slice(0, dot)
  switch (name.slice(dot + 1)) {
    case 'sample_idx':
      return expected
    case 'sample': {
      // Variants of a stage are sampled where the plain one is.
      const index =
        set.expected[`${stage}.sample_idx`] ??
        set.expected[`${stage.slice(prefix.length)}.sample_idx`]
      return (
        index &&
        f32(
          index.shape,
          Float32Array.from(integers(index), i => values[i]!),
        )
      )
    }
    case 'shape':
      return i32([base.shape.length], base.shape)
    case 'norm':
      return f32([1], Float32Array.of(l2(values)))
    case 'row_norms':
      return f32(expected.shape, rowNorms(values, expected.data.length))
    case 'samples': {
      const rule = set.meta.samples?.[stage] ?? { step: 1, count: values.length }
      return f32(
        [rule.count],
        Float32Array.from({ length: rule.count }, (_, k) => values[k * rule.step]!),
      )
    }
    case 'stats':
      return f32(
        expected.shape,
        Float32Array.from(statistics(values).slice(0, expected.data.length)),
      )
    case 'head':
      return f32(expected.shape, values.slice(0, expected.data.length))
    default:
      return undefined
  }
}

/** Rows are as many equal parts as the set has norms. */
function rowNorms(values: Float32Array, rows: number): Float32Array {
  const length = values.length / rows
  return Float32Array.from({ length: rows }, (_, r) =>
    l2(values.subarray(r * length, (r + 1) * length)),
  )
}
