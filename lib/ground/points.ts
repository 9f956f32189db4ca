import type { Point } from './models.js'

/** Repeated points once, in the order of their first appearance. */
export function distinctPoints(points: readonly Point[]): Point[] {
  return [...new Map(points.map(point => [`${point.x},${point.y}`, point])).values()]
}
