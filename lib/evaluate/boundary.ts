import { checkSameSize, type ScoredMask } from './region.js'

/** How far apart two boundaries may be, as a share of the frame's diagonal. */
const BOUND = 0.008

export interface BoundaryScore {
  f: number
  precision: number
  recall: number
  /** Disk radius in pixels. */
  radius: number
  /** Boundary pixels, and those of them that the other mask's dilated boundary holds. */
  predictedPixels: number
  truthPixels: number
  predictedMatches: number
  truthMatches: number
}

/**
 * The line along a mask: a pixel differs from its right, lower or lower-right neighbour. In the
 * last row and column only the neighbour inside the frame counts; nothing is compared with the
 * outside.
 */
export function boundaryMap(mask: ScoredMask, ignored?: Uint8Array): Uint8Array {
  const { data, width, height } = mask
  const inside = (at: number) => data[at] !== 0 && !ignored?.[at]
  const line = new Uint8Array(data.length)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const here = inside(at)
      const [right, below] = [x + 1 < width, y + 1 < height]
      const edge =
        (right && inside(at + 1) !== here) ||
        (below && inside(at + width) !== here) ||
        (right && below && inside(at + width + 1) !== here)
      line[at] = edge ? 1 : 0
    }
  }
  return line
}

/**
 * Half width of a disk of radius r in its row dy: the largest dx with dx * dx + dy * dy <= r * r.
 */
export function diskHalfWidths(radius: number): number[] {
  return Array.from({ length: radius + 1 }, (_, dy) => Math.floor(Math.sqrt(radius ** 2 - dy ** 2)))
}

/** @param bound a share of the diagonal below 1, or a number of pixels. */
export function boundaryRadius(width: number, height: number, bound = BOUND): number {
  return bound >= 1 ? bound : Math.ceil(bound * Math.sqrt(width * width + height * height))
}

/** Every pixel within the disk around a set one, one span per disk row. */
function dilate(line: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const halfWidths = diskHalfWidths(radius)
  const grown = new Uint8Array(line.length)
  for (let at = line.indexOf(1); at >= 0; at = line.indexOf(1, at + 1)) {
    const x = at % width
    const y = (at - x) / width
    for (let row = Math.max(0, y - radius); row <= Math.min(height - 1, y + radius); row++) {
      const half = halfWidths[Math.abs(row - y)]!
      const start = row * width
      grown.fill(1, start + Math.max(0, x - half), start + Math.min(width, x + half + 1))
    }
  }
  return grown
}

function countSet(line: Uint8Array, within?: Uint8Array): number {
  let count = 0
  for (let i = 0; i < line.length; i++) if (line[i] && (!within || within[i])) count++
  return count
}

/** Boundary measure F of the DAVIS benchmark, with the counts behind it. */
export function scoreBoundary(
  truth: ScoredMask,
  predicted: ScoredMask,
  ignored?: Uint8Array,
  bound = BOUND,
): BoundaryScore {
  checkSameSize(truth, predicted)
  const { width, height } = truth
  const radius = boundaryRadius(width, height, bound)
  const [truthLine, predictedLine] = [truth, predicted].map(mask => boundaryMap(mask, ignored))
  const truthPixels = countSet(truthLine!)
  const predictedPixels = countSet(predictedLine!)
  const truthMatches = countSet(truthLine!, dilate(predictedLine!, width, height, radius))
  const predictedMatches = countSet(predictedLine!, dilate(truthLine!, width, height, radius))
  // A side without any boundary cannot be wrong about it, nor find the other's.
  const precision =
    predictedPixels > 0 ? (truthPixels > 0 ? predictedMatches / predictedPixels : 0) : 1
  const recall = truthPixels > 0 ? (predictedPixels > 0 ? truthMatches / truthPixels : 0) : 1
  const sum = precision + recall
  const f = sum === 0 ? 0 : (2 * precision * recall) / sum
  const counts = { predictedPixels, truthPixels, predictedMatches, truthMatches }
  return { f, precision, recall, radius, ...counts }
}

/** F alone; see scoreBoundary. */
export function boundaryMeasure(
  truth: ScoredMask,
  predicted: ScoredMask,
  ignored?: Uint8Array,
): number {
  return scoreBoundary(truth, predicted, ignored).f
}
