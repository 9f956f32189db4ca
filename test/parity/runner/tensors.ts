import type { AddonImage, AddonTensor } from '../../../lib/engine/addon.js'

export function f32(shape: number[], data: Float32Array): AddonTensor {
  return { dtype: 'F32', shape, data }
}

export function i32(shape: number[], data: ArrayLike<number>): AddonTensor {
  return { dtype: 'I32', shape, data: Int32Array.from(data) }
}

export function u8(shape: number[], data: Uint8Array): AddonTensor {
  return { dtype: 'U8', shape, data }
}

export const floats = (tensor: AddonTensor): Float32Array =>
  tensor.data instanceof Float32Array ? tensor.data : Float32Array.from(tensor.data as Int32Array)

export const integers = (tensor: AddonTensor): Int32Array =>
  Int32Array.from(tensor.data as ArrayLike<number | bigint>, Number)

/** A U8 tensor [h, w, 3] as a picture. */
export function image(tensor: AddonTensor): AddonImage {
  const [height, width] = tensor.shape.slice(-3)
  return { data: tensor.data as Uint8Array, width: width!, height: height! }
}

/** Entry `index` along the first axis, without a copy. */
export function row(tensor: AddonTensor, index: number): AddonTensor {
  const shape = tensor.shape.slice(1)
  const size = shape.reduce((a, b) => a * b, 1)
  return {
    dtype: tensor.dtype,
    shape,
    data: tensor.data.subarray(index * size, (index + 1) * size) as AddonTensor['data'],
  }
}

/** Equal tensors joined along a new first axis. */
export function stack(masks: readonly Uint8Array[], height: number, width: number): AddonTensor {
  const joined = new Uint8Array(masks.length * height * width)
  masks.forEach((mask, index) => {
    joined.set(mask, index * height * width)
  })
  return u8([masks.length, height, width], joined)
}

export function l2(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return Math.sqrt(sum)
}

/** [L2 norm, mean, population standard deviation] in float64. */
export function statistics(values: ArrayLike<number>): [number, number, number] {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  const mean = sum / values.length
  let spread = 0
  for (let i = 0; i < values.length; i++) spread += (values[i]! - mean) ** 2
  return [l2(values), mean, Math.sqrt(spread / values.length)]
}
