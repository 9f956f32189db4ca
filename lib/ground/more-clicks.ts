import { Mask } from '../formats/mask.js'
import type { OptionNames } from '../options/check.js'
import type { Point } from './models.js'

/** Clicks on one object: where, and whether on it (1) or beside it (0). */
export interface Clicks {
  points: Point[]
  labels: number[]
}

/** How many clicks an object gets; the pointer's own is one of them. */
export interface ClickPlan {
  /** Clicks on the object, at least 1. */
  points: number
  /** Also one click beside it. */
  negative: boolean
}

export const CLICK_PLAN: OptionNames<ClickPlan> = { points: true, negative: true }

/** Clears a disk of a mask, so that the next click falls elsewhere. */
function clearDisk(mask: Mask, { x, y }: Point, radius: number): void {
  const { data, width, height } = mask
  const reach = Math.ceil(radius)
  for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
    for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
      if ((column - x) ** 2 + (row - y) ** 2 <= radius ** 2) data[row * width + column] = 0
    }
  }
}

/** The background pixel around an object that is farthest from it, within half its size. */
function besidePoint(mask: Mask): Point | null {
  const { box, data, width, height } = mask
  if (!box) return null
  const [marginX, marginY] = [Math.ceil(box.width / 2) + 2, Math.ceil(box.height / 2) + 2]
  const around = new Mask(new Uint8Array(width * height), width, height)
  const [left, right] = [box.x - marginX, box.x + box.width + marginX]
  const [top, bottom] = [box.y - marginY, box.y + box.height + marginY]
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
    for (let x = Math.max(0, left); x < Math.min(width, right); x++) {
      around.data[y * width + x] = +!data[y * width + x]
    }
  }
  return around.innerPoint()
}

/**
 * More clicks for an object from the mask that its first click gave (tables 13 and 14 of the paper,
 * which does not say where its further points come from). Each further click lies deepest in what
 * the disks around the earlier ones leave of the mask; their radius is half that of a disk of the
 * mask's area. None for an empty mask.
 */
export function moreClicks(found: Mask, first: Point, { points, negative }: ClickPlan): Clicks {
  const rest = new Mask(found.data.slice(), found.width, found.height)
  const radius = Math.max(1, Math.sqrt(found.area / Math.PI) / 2)
  const clicks: Clicks = { points: [first], labels: [1] }
  for (let last = first; clicks.points.length < points; ) {
    clearDisk(rest, { x: Math.round(last.x), y: Math.round(last.y) }, radius)
    // A mask measures itself once, so what is left is a new one.
    const next = new Mask(rest.data, rest.width, rest.height).innerPoint()
    if (!next) break
    clicks.points.push(next)
    clicks.labels.push(1)
    last = next
  }
  const beside = negative ? besidePoint(found) : null
  if (!beside) return clicks
  return { points: [...clicks.points, beside], labels: [...clicks.labels, 0] }
}
