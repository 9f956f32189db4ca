import type { Mask } from '../formats/mask.js'
import type { Point } from './models.js'

/**
 * A pixel deep inside a mask: the one farthest from the mask's rim in city-block steps (the first
 * in reading order on a tie). Null for an empty mask.
 */
export function interiorPoint(mask: Mask): Point | null {
  const { box, data, width } = mask
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
