import { InvalidArgumentError } from '../engine/errors.js'

/** Pixels of the original picture, x to the right, y down. */
export type PromptPoint = readonly [x: number, y: number]

/**
 * A click, as a pair or as results have it. Up to a pixel outside of the picture is taken for its rim.
 */
export type Click = PromptPoint | { readonly x: number; readonly y: number }

/**
 * Corners of a box, left, top, right, bottom, in pixels of the original picture. A box may stick out
 * of the picture, as those of detectors do, but must overlap it.
 */
export type PromptBox = readonly [x0: number, y0: number, x1: number, y1: number]

/** How far outside a point still means the rim, in pixels: detectors round and blur that much. */
const RIM = 1

/** Checks points and labels and lays them out for the engine. */
export function toAddonPoints(
  points: readonly Click[],
  labels: readonly number[] | undefined,
  width: number,
  height: number,
  what: string,
): { points: Float32Array; labels: Int32Array } {
  if (!Array.isArray(points)) {
    throw new InvalidArgumentError(
      `${what}: points must be a list of [x, y] or { x, y }, got ${typeof points}`,
    )
  }
  const placed = points.map((point, i) => placePoint(point, width, height, `${what}, point ${i}`))
  if (labels !== undefined && (!Array.isArray(labels) || labels.length !== points.length)) {
    const got = Array.isArray(labels) ? labels.length : typeof labels
    throw new InvalidArgumentError(
      `${what}: ${points.length} points need as many labels, got ${got}`,
    )
  }
  for (const label of labels ?? []) {
    if (label === 0 || label === 1) continue
    throw new InvalidArgumentError(`${what}: labels must be 1 (object) or 0 (not), got ${label}`)
  }
  return {
    points: Float32Array.from(placed.flat()),
    labels: Int32Array.from(labels ?? points.map(() => 1)),
  }
}

function placePoint(
  point: Click,
  width: number,
  height: number,
  what: string,
): [x: number, y: number] {
  const [x, y] = coordinates(point)
  if (typeof x !== 'number' || typeof y !== 'number') {
    throw new InvalidArgumentError(
      `${what} must be [x, y] or { x, y } in pixels, got ${JSON.stringify(point)}`,
    )
  }
  if (!(x >= -RIM && x <= width + RIM && y >= -RIM && y <= height + RIM)) {
    throw new InvalidArgumentError(
      `${what} must lie in 0..${width}, 0..${height}, the frame, got ${x}, ${y}`,
    )
  }
  return [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))]
}

/** Whatever the caller gave, which TypeScript need not have checked. */
function coordinates(point: unknown): unknown[] {
  if (Array.isArray(point)) return point
  if (typeof point !== 'object' || point === null) return []
  const { x, y } = point as { x?: unknown; y?: unknown }
  return [x, y]
}

/**
 * Checks a box and lays it out for the engine, whole: SAM 2 embeds corners outside of the picture as
 * it does others.
 */
export function toAddonBox(
  box: PromptBox,
  width: number,
  height: number,
  what: string,
): Float32Array {
  const whole = Array.isArray(box) && box.length === 4 && box.every(Number.isFinite)
  if (!whole || box[2] <= box[0] || box[3] <= box[1]) {
    throw new InvalidArgumentError(
      `${what}: a box is left, top, right, bottom with a positive size, got ${JSON.stringify(box)}`,
    )
  }
  const [x0, y0, x1, y1] = box
  if (x0 >= width || y0 >= height || x1 <= 0 || y1 <= 0) {
    throw new InvalidArgumentError(
      `${what}: a box must overlap the frame of ${width}x${height}, got ${box.join(', ')}`,
    )
  }
  return Float32Array.from(box)
}
