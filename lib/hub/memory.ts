import type { AddonPointerMemory, AddonSegmenterMemory } from '../engine/addon.js'
import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { type MemoryNeed, requireBudget } from '../load/budget.js'
import type { Dtype } from '../load/settings.js'
import type { Checkpoint, TensorRow } from './checkpoint.js'

const BYTES: Record<string, number> = { F32: 4, BF16: 2, F16: 2, I64: 8, I32: 4, U8: 1, BOOL: 1 }

/** Bytes of a linear layer [out, in] in a format of native/tensor/weight.h. */
const FORMATS = {
  int8: (out: number, inner: number) => out * (16 * Math.ceil(inner / 16) + 4),
  int4: (out: number, inner: number) =>
    out * (16 * Math.ceil(inner / 32) + 4 * Math.ceil(inner / 64)),
  fp4: (out: number, inner: number) => {
    if (inner % 32 !== 0) return 4 * out * inner
    return out * (inner / 2 + (4 * inner) / (inner % 64 === 0 ? 64 : 32))
  },
}

type Format = keyof typeof FORMATS
type Layer = 'vision' | 'language' | 'head'

/** Which format a dtype gives which layers; the rest stays as stored (native/weights/weight_source.h). */
const QUANTISED: Record<Format, Partial<Record<Layer, Format>>> = {
  int8: { language: 'int8', head: 'int8' },
  int4: { language: 'int4', head: 'int8' },
  fp4: { vision: 'fp4', language: 'fp4' },
}

const LAYERS: [RegExp, Layer][] = [
  [/^model\.transformer\.ff_out\.weight$/, 'head'],
  [/\.blocks\.\d+\.(att_proj|attn_out|ff_proj|ff_out)\.weight$/, 'language'],
  [/\.image_projector\.w[123]\.weight$/, 'language'],
  [/\.vision_backbone\..*\.(w[qkvo12]|patch_embedding)\.weight$/, 'vision'],
]

/** Tables that are held in fp32 whatever the dtype. */
const WIDE = /\.(positional_embedding|pad_embed)$/

const elements = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1)

/** Bytes of one tensor of a pointer as the engine holds it. */
export function heldBytes({ name, dtype, shape }: TensorRow, held: Dtype): number {
  const count = elements(shape)
  if (shape.length < 2 || WIDE.test(name)) return 4 * count
  if (held === 'fp32' || held === 'bf16') return (held === 'fp32' ? 4 : 2) * count
  const layer = LAYERS.find(([pattern]) => pattern.test(name))?.[1]
  const format = held === 'stored' || !layer ? undefined : QUANTISED[held][layer]
  if (format) return FORMATS[format](shape[0]!, count / shape[0]!)
  return dtype === 'F16' ? 4 * count : (BYTES[dtype] ?? 4) * count
}

/** Bytes that a checkpoint's weights take in a dtype. */
export const weightBytes = ({ tensors }: Checkpoint, held: Dtype): number =>
  tensors.reduce((sum, tensor) => sum + heldBytes(tensor, held), 0)

/** Bytes that a checkpoint's weights take when they are loaded, by dtype. */
export function memoryByDtype(checkpoint: Checkpoint): Partial<Record<Dtype, number>> {
  const floats: Dtype[] = ['stored', 'fp32', 'bf16']
  const dtypes =
    checkpoint.kind === 'pointer'
      ? [...floats, 'int8' as const, 'int4' as const, 'fp4' as const]
      : floats
  return Object.fromEntries(dtypes.map(dtype => [dtype, weightBytes(checkpoint, dtype)]))
}

/** What a checkpoint's model takes beside its weights, at most `available` bytes where it can do with them. */
export function workMemory(
  { kind, config }: Checkpoint,
  device: string,
  available?: number,
): AddonPointerMemory | AddonSegmenterMemory {
  const options = { device, ...(available === undefined ? {} : { available }) }
  return typed(() =>
    kind === 'pointer'
      ? addon().pointerMemory({ ...options, config })
      : addon().segmenterMemory({ ...options, config }),
  )
}

/** What a checkpoint's model takes with its weights. */
export function memoryNeed(checkpoint: Checkpoint, dtype: Dtype, device: string): MemoryNeed {
  const weights = weightBytes(checkpoint, dtype)
  const { leastBytes, bytes } = workMemory(checkpoint, device)
  return { least: weights + leastBytes, best: weights + bytes }
}

/** @throws OUT_OF_MEMORY when a model's limit is less than it needs. */
export function checkLimit(
  checkpoint: Checkpoint,
  { device, dtype, memoryLimit }: { device: string; dtype: Dtype; memoryLimit?: number },
): void {
  if (memoryLimit === undefined) return
  requireBudget(memoryLimit, memoryNeed(checkpoint, dtype, device).least, checkpoint.kind)
}

export const parameterCount = ({ tensors }: Checkpoint): number =>
  tensors.reduce((sum, { shape }) => sum + elements(shape), 0)
