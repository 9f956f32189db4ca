import type { AddonPointerMemory, AddonSegmenterMemory } from '../engine/addon.js'
import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { type MemoryNeed, requireBudget } from '../load/budget.js'
import { DTYPES, type Dtype, FLOAT_DTYPES } from '../load/settings.js'
import type { Checkpoint } from './checkpoint.js'

/** How weights are to be held. */
export interface Holding {
  dtype: Dtype
  device: string
  /** Weights that share a scale with dtype 'int4'. Default 64. */
  groupSize?: number
}

/** What of a checkpoint decides about its memory. */
export type Weighed = Pick<Checkpoint, 'kind' | 'family' | 'attributes' | 'names' | 'tensors'>

/** Bytes that a checkpoint's weights take when they are loaded. */
export function weightBytes(checkpoint: Weighed, holding: Holding): number {
  const { family, attributes, names, tensors } = checkpoint
  const named = names === undefined ? {} : { names }
  return typed(() => addon().weightBytes({ family, attributes, tensors, ...named, ...holding }))
}

/** Bytes that a checkpoint's weights take when they are loaded on a device, by dtype. */
export function memoryByDtype(checkpoint: Weighed, device: string): Partial<Record<Dtype, number>> {
  const dtypes: readonly Dtype[] = checkpoint.kind === 'pointer' ? DTYPES : FLOAT_DTYPES
  return Object.fromEntries(
    dtypes.map(dtype => [dtype, weightBytes(checkpoint, { dtype, device })]),
  )
}

/** What a checkpoint's model takes beside its weights, at most `available` bytes where it can do with them. */
export function workMemory(
  { kind, family, attributes }: Pick<Checkpoint, 'kind' | 'family' | 'attributes'>,
  device: string,
  available?: number,
): AddonPointerMemory | AddonSegmenterMemory {
  const options = { family, attributes, device, ...(available === undefined ? {} : { available }) }
  return typed(() =>
    kind === 'pointer' ? addon().pointerMemory(options) : addon().segmenterMemory(options),
  )
}

/** What a checkpoint's model takes with its weights. */
export function memoryNeed(checkpoint: Weighed, holding: Holding): MemoryNeed {
  const weights = weightBytes(checkpoint, holding)
  const { leastBytes, bytes } = workMemory(checkpoint, holding.device)
  return { least: weights + leastBytes, best: weights + bytes }
}

/** @throws OUT_OF_MEMORY when a model's limit is less than it needs. */
export function checkLimit(
  checkpoint: Weighed,
  { memoryLimit, ...holding }: Holding & { memoryLimit?: number },
): void {
  if (memoryLimit === undefined) return
  requireBudget(memoryLimit, memoryNeed(checkpoint, holding).least, checkpoint.kind)
}

export const parameterCount = ({ tensors }: Pick<Checkpoint, 'tensors'>): number =>
  tensors.reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0)
