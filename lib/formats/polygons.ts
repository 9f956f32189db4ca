/** A closed outline along pixel edges. Corners [x, y] in order; the last joins the first. */
export interface Polygon {
  points: [number, number][]
  /** True for the outline of a hole. */
  hole: boolean
}

/** Steps of the four directions: right, down, left, up. */
const STEP_X = [1, 0, -1, 0]
const STEP_Y = [0, 1, 0, -1]

/**
 * Pixel edges with the object on their right-hand side, as bits 1 << direction of the corner where
 * each begins; [height + 1, width + 1].
 */
function boundaryEdges(data: Uint8Array, width: number, height: number): Uint8Array {
  const edges = new Uint8Array((width + 1) * (height + 1))
  const row = width + 1
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!data[at]) continue
      const corner = y * row + x
      if (y === 0 || !data[at - width]) edges[corner]! |= 1
      if (x === width - 1 || !data[at + 1]) edges[corner + 1]! |= 2
      if (y === height - 1 || !data[at + width]) edges[corner + row + 1]! |= 4
      if (x === 0 || !data[at - 1]) edges[corner + row]! |= 8
    }
  }
  return edges
}

/**
 * Walks the outline that leaves `start` to the right, removing its edges. Right turns come first,
 * so that regions which touch only at a corner stay apart.
 */
function walk(edges: Uint8Array, row: number, start: number): [number, number][] {
  const at = (corner: number): [number, number] => [corner % row, Math.floor(corner / row)]
  const points = [at(start)]
  edges[start]! &= ~1
  let corner = start + 1
  let direction = 0
  while (corner !== start) {
    const leads = (turn: number) => edges[corner]! & (1 << ((direction + turn) % 4))
    const turn = leads(1) ? 1 : leads(0) ? 0 : 3
    if (turn !== 0) points.push(at(corner))
    direction = (direction + turn) % 4
    edges[corner]! &= ~(1 << direction)
    corner += STEP_X[direction]! + STEP_Y[direction]! * row
  }
  return points
}

/** Twice the signed area; positive for outlines that run clockwise on screen. */
function signedArea(points: readonly [number, number][]): number {
  let area = 0
  for (const [i, [x, y]] of points.entries()) {
    const [nextX, nextY] = points[(i + 1) % points.length]!
    area += x * nextY - nextX * y
  }
  return area
}

/**
 * Outlines of a mask, exact: filling them with the even-odd rule at pixel centres gives the mask
 * back.
 *
 * @param data u8, non-zero = object, [height, width] row-major.
 */
export function maskToPolygons(data: Uint8Array, width: number, height: number): Polygon[] {
  const edges = boundaryEdges(data, width, height)
  const polygons: Polygon[] = []
  for (let corner = 0; corner < edges.length; corner++) {
    while (edges[corner]! & 1) {
      const points = walk(edges, width + 1, corner)
      polygons.push({ points, hole: signedArea(points) < 0 })
    }
  }
  return polygons
}

/**
 * Pixels whose centres lie inside closed outlines by the even-odd rule: the inverse of
 * maskToPolygons, for outlines anywhere. u8 0/1, [height, width].
 */
export function polygonsToMask(
  outlines: readonly (readonly (readonly [number, number])[])[],
  width: number,
  height: number,
): Uint8Array {
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const crossings = outlines.flatMap(outline => crossingsOf(outline, y + 0.5))
    crossings.sort((a, b) => a - b)
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i]! - 0.5))
      const to = Math.min(width, Math.ceil(crossings[i + 1]! - 0.5))
      if (to > from) data.fill(1, y * width + from, y * width + to)
    }
  }
  return data
}

/** Where an outline crosses a horizontal line. */
function crossingsOf(outline: readonly (readonly [number, number])[], y: number): number[] {
  return outline.flatMap(([x0, y0], i) => {
    const [x1, y1] = outline[(i + 1) % outline.length]!
    return y0 <= y !== y1 <= y ? x0 + ((y - y0) / (y1 - y0)) * (x1 - x0) : []
  })
}
