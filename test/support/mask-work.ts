import type { Box } from '../../lib/formats/mask.js'
import { Mask } from '../../lib/formats/mask.js'
import type { FusedMasks, MaskWork, Overlap } from '../../lib/ground/mask-work.js'

/**
 * What grounding does with the masks of a frame in plain words, one pixel after the other: the
 * reference of what the engine does.
 */

type Bytes = Uint8Array | null

/** Smallest box that holds every set pixel, null for an empty mask. */
export function boxOf(data: Uint8Array, width: number): Box | null {
  let [left, right, top, bottom] = [width, -1, Number.POSITIVE_INFINITY, -1]
  for (const [at, set] of data.entries()) {
    if (!set) continue
    const [x, y] = [at % width, Math.floor(at / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = y
  }
  if (right < 0) return null
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
}

/**
 * A pixel deep inside a mask: the one farthest from the mask's rim in city-block steps (the first
 * in reading order on a tie). Null for an empty mask.
 */
export function interiorPoint(data: Uint8Array, width: number): { x: number; y: number } | null {
  const box = boxOf(data, width)
  if (!box) return null
  const stride = box.width + 2
  // A rim of zeros around the box stands for everything outside.
  const distance = new Uint16Array(stride * (box.height + 2))
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      if (!data[(box.y + y) * width + box.x + x]) continue
      const at = (y + 1) * stride + x + 1
      distance[at] = 1 + Math.min(distance[at - 1]!, distance[at - stride]!)
    }
  }
  let best = 0
  let found = 0
  for (let at = distance.length - stride - 1; at > stride; at--) {
    if (distance[at] === 0) continue
    const back = 1 + Math.min(distance[at + 1]!, distance[at + stride]!)
    if (back < distance[at]!) distance[at] = back
    if (distance[at]! >= best) {
      best = distance[at]!
      found = at
    }
  }
  return { x: box.x + (found % stride) - 1, y: box.y + Math.floor(found / stride) - 1 }
}

function overlapOf(a: Bytes, b: Bytes): Overlap {
  let [intersection, union] = [0, 0]
  for (let i = 0; i < (a ?? b)!.length; i++) {
    const [left, right] = [a?.[i] ?? 0, b?.[i] ?? 0]
    intersection += left & right
    union += left | right
  }
  return { intersection, union }
}

function agreementOf(forward: Bytes, backward: Bytes): number {
  if (!forward && !backward) return 1
  const { intersection, union } = overlapOf(forward, backward)
  return union === 0 ? 1 : intersection / union
}

const areaOf = (mask: Uint8Array) => mask.reduce((sum, set) => sum + set, 0)

/** Equations 5 and 6, and the other rows of table 5. */
function fusePair(forward: Bytes, backward: Bytes, tau: number, strategy: string): Uint8Array {
  if (!forward || areaOf(forward) === 0) return (backward ?? forward)!
  if (!backward || areaOf(backward) === 0) return forward
  const larger = areaOf(backward) > areaOf(forward) ? backward : forward
  const smaller = areaOf(backward) < areaOf(forward) ? backward : forward
  if (strategy === 'prefer-left') return forward
  if (strategy === 'prefer-right') return backward
  if (strategy === 'larger') return larger
  if (strategy === 'smaller') return smaller
  const { intersection, union } = overlapOf(forward, backward)
  const both = strategy === 'intersection' || intersection / union >= tau
  return forward.map((set, i) => (both ? set & backward[i]! : set | backward[i]!))
}

function unionOf(masks: readonly Uint8Array[]): Bytes {
  const [first, ...others] = masks
  return first ? others.reduce((all, mask) => all.map((set, i) => set | mask[i]!), first) : null
}

export const referenceMaskWork: MaskWork = {
  fuse: async ({ width, height, forward, backward, pairs }, { tau, strategy }) => {
    const toMask = (data: Uint8Array) => new Mask(data, width, height)
    const fused: FusedMasks['objects'] = pairs.map(([left, right]) => {
      const [ahead, back] = [forward[left] ?? null, backward[right] ?? null]
      const mask = toMask(fusePair(ahead, back, tau, strategy))
      return { mask, agreement: agreementOf(ahead, back) }
    })
    const [ahead, back] = [unionOf(forward), unionOf(backward)]
    const nothing = new Uint8Array(width * height)
    return {
      objects: fused,
      directions: { forward: ahead && toMask(ahead), backward: back && toMask(back) },
      mask: toMask(ahead || back ? fusePair(ahead, back, tau, strategy) : nothing),
      agreement: agreementOf(ahead, back),
    }
  },
  overlaps: async (known, current) => {
    const bytes = current.map(mask => (mask instanceof Mask ? mask.data : mask))
    return known.map(old => bytes.map(mask => overlapOf(old, mask)))
  },
}
