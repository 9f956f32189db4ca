import { addon } from '../engine/loader.js'
import { readCheckpoint } from '../hub/checkpoint.js'
import { memoryNeed } from '../hub/memory.js'
import type { PointerLoadOptions } from '../point/pointer.js'
import { divideBudget } from './budget.js'
import { DTYPES, EMBEDDED, loadSettings, segmenterDtype } from './settings.js'

/** Of a GPU's free memory, what models take when nobody says how much. */
const SHARE = 0.9

type Budget = Required<Pick<PointerLoadOptions, 'memoryBudget'>>

function freeMemory(device: string): number | undefined {
  if (device === 'cpu') return undefined
  const index = Number(device.split(':')[1] ?? 0)
  const free = addon().cuda().devices[index]?.freeBytes
  return free === undefined ? undefined : Math.floor(SHARE * free)
}

/**
 * One budget as those of a pointer and a segmenter that are about to be loaded; undefined where there
 * is none, or where one of the two is loaded already and the other has it all.
 *
 * @throws OUT_OF_MEMORY, INVALID_ARGUMENT, and what `readCheckpoint` throws.
 */
export async function divideMemory(
  options: PointerLoadOptions & { pointer?: unknown; segmenter?: unknown },
): Promise<{ pointer: Budget; segmenter: Budget } | undefined> {
  const { pointer = EMBEDDED.pointer, segmenter = EMBEDDED.segmenter } = options
  const { device, dtype, memoryLimit } = loadSettings(options, DTYPES)
  const groupSize = options.groupSize === undefined ? {} : { groupSize: options.groupSize }
  const budget = memoryLimit ?? freeMemory(device)
  if (budget === undefined || typeof pointer !== 'string' || typeof segmenter !== 'string') {
    return undefined
  }
  const [points, masks] = [
    await readCheckpoint(pointer, options),
    await readCheckpoint(segmenter, options),
  ]
  const shares = divideBudget(
    budget,
    memoryNeed(points, { dtype, device, ...groupSize }),
    memoryNeed(masks, { dtype: segmenterDtype(options.dtype, device), device }),
  )
  return {
    pointer: { memoryBudget: shares.pointer },
    segmenter: { memoryBudget: shares.segmenter },
  }
}
