/**
 * What stands against the floors today and is being mended. A line goes when its fault goes: the
 * tests fail on a line that is no longer true.
 */
export const knownIncludes: string[] = [
  // The binding reaches around the public headers.
  'native/binding/fusion_strategy.h -> native/kernels/fusion_rule.h',
  'native/binding/mask_handle.h -> native/fusion/fuse_bits.h',
  'native/binding/masks.cc -> native/fusion/fuse.h',
  'native/binding/masks.cc -> native/fusion/rle.h',
  'native/binding/masks.cc -> native/ops/boundary.h',
  'native/binding/masks.cc -> native/ops/mask.h',
  'native/binding/paint_masks.cc -> native/fusion/paint.h',
]

/** Files that may name a device because the user or a caller names it there. */
export const deviceNamers = new Set([
  // Device's own name.
  'native/tensor/shape.cc',
  // How weights are held on the device that the caller names.
  'native/weights/weight_policy.cc',
  // Whether a copy stays in the CPU's memory.
  'native/tensor/tensor.cc',
  // Reads the user's 'cpu', 'cuda' and 'cuda:<index>'.
  'native/binding/weights.cc',
  // What JavaScript gets lies in the CPU's memory.
  'native/binding/tensors.cc',
  // Device's definition and its default.
  'include/videomolmo/tensor.h',
])

/** Files of lib that import each other in a circle. */
export const knownFileCircles: string[][] = []

/** Folders of lib that import each other in a circle. */
export const knownFolderCircles: string[][] = [
  ['lib/ground', 'lib/point', 'lib/segment'],
  ['lib/hub', 'lib/load'],
]
