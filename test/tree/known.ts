/**
 * What stands against the floors today and is being mended. A line goes when its fault goes: the
 * tests fail on a line that is no longer true.
 */
export const knownIncludes: string[] = [
  // The binding reaches around the public headers.
  'native/binding/buffers.h -> native/ops/resize.h',
  'native/binding/cancel.h -> native/base/cancel.h',
  'native/binding/engine_thread.h -> native/base/cancel.h',
  'native/binding/engine_thread.h -> native/weights/finite.h',
  'native/binding/fusion_strategy.h -> native/kernels/fusion_rule.h',
  'native/binding/mask_handle.h -> native/fusion/fuse_bits.h',
  'native/binding/masks.cc -> native/fusion/fuse.h',
  'native/binding/masks.cc -> native/fusion/rle.h',
  'native/binding/masks.cc -> native/ops/boundary.h',
  'native/binding/masks.cc -> native/ops/mask.h',
  'native/binding/memory.cc -> native/molmo/memory_plan.h',
  'native/binding/memory.cc -> native/sam2/config.h',
  'native/binding/memory.cc -> native/sam2/memory_needs.h',
  'native/binding/module.cc -> native/base/cublaslt.h',
  'native/binding/module.cc -> native/base/cuda_device.h',
  'native/binding/module.cc -> native/base/thread_pool.h',
  'native/binding/module.cc -> native/kernels/cpu/kernels.h',
  'native/binding/paint_masks.cc -> native/fusion/paint.h',
  'native/binding/segmenter.cc -> native/sam2/image_predictor.h',
  'native/binding/segmenter.h -> native/sam2/video_predictor.h',
  'native/binding/tensors.h -> native/base/cancel.h',
  'native/binding/tensors.h -> native/ops/context.h',
  'native/binding/weight_files.cc -> native/weights/save_weights.h',
  'native/binding/weight_files.cc -> native/weights/weight_file.h',
  'native/binding/weights.h -> native/base/cancel.h',
  'native/binding/weights.h -> native/weights/weight_source.h',
  // The public configuration becomes the family's own.
  'include/videomolmo/pointer_config.h -> native/llm/config.h',
  'include/videomolmo/pointer_config.h -> native/vit/config.h',
]

/** Files that may name a device because the user or a caller names it there. */
export const deviceNamers = new Set([
  // Device's own name.
  'native/tensor/shape.cc',
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
