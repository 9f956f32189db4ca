import { InvalidArgumentError } from '../engine/errors.js'

/** Pixels of the original picture, x to the right, y down. */
export type PromptPoint = readonly [x: number, y: number]

/** Corners of a box, left, top, right, bottom, in pixels of the original picture. */
export type PromptBox = readonly [x0: number, y0: number, x1: number, y1: number]

/** Checks points and labels and lays them out for the engine. */
export function toAddonPoints(
  points: readonly PromptPoint[],
  labels: readonly number[] | undefined,
  width: number,
  height: number,
  what: string,
): { points: Float32Array; labels: Int32Array } {
  for (const [i, point] of points.entries()) checkPoint(point, width, height, `${what}, point ${i}`)
  if (labels && labels.length !== points.length) {
    throw new InvalidArgumentError(
      `${what}: ${points.length} points need as many labels, got ${labels.length}`,
    )
  }
  for (const label of labels ?? []) {
    if (label === 0 || label === 1) continue
    throw new InvalidArgumentError(`${what}: labels must be 1 (object) or 0 (not), got ${label}`)
  }
  return {
    points: Float32Array.from(points.flat()),
    labels: Int32Array.from(labels ?? points.map(() => 1)),
  }
}

function checkPoint(point: PromptPoint, width: number, height: number, what: string): void {
  const [x, y] = Array.isArray(point) ? (point as PromptPoint) : [Number.NaN, Number.NaN]
  if (!(x >= 0 && x <= width && y >= 0 && y <= height)) {
    throw new InvalidArgumentError(
      `${what} must lie in 0..${width}, 0..${height}, the frame, got ${x}, ${y}`,
    )
  }
}

/** Checks a box and lays it out for the engine. */
export function toAddonBox(
  box: PromptBox,
  width: number,
  height: number,
  what: string,
): Float32Array {
  const [x0, y0, x1, y1] = box
  checkPoint([x0, y0], width, height, `${what}, first corner`)
  checkPoint([x1, y1], width, height, `${what}, second corner`)
  if (x1 <= x0 || y1 <= y0) {
    throw new InvalidArgumentError(
      `${what}: a box is left, top, right, bottom with a positive size, got ${box.join(', ')}`,
    )
  }
  return Float32Array.from(box)
}
