import t from 'tap'
import { Mask } from '../../lib/formats/mask.js'
import { maskToPolygons, type Polygon } from '../../lib/formats/polygons.js'

/** Even-odd filling at pixel centres. */
function fill(polygons: readonly Polygon[], width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height)
  for (const { points } of polygons) {
    for (const [i, [x, y]] of points.entries()) {
      const [nextX, nextY] = points[(i + 1) % points.length]!
      if (x !== nextX) continue
      for (let row = Math.min(y, nextY); row < Math.max(y, nextY); row++) {
        for (let column = x; column < width; column++) data[row * width + column]! ^= 1
      }
    }
  }
  return data
}

t.test('outlines of random masks give the masks back', async t => {
  let seed = 7
  const random = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return seed / 0x7fffffff
  }
  for (const density of [0, 0.1, 0.4, 0.6, 0.9, 1]) {
    for (const [width, height] of [
      [1, 1],
      [7, 5],
      [33, 20],
    ] as const) {
      const data = Uint8Array.from({ length: width * height }, () => +(random() < density))
      const polygons = maskToPolygons(data, width, height)
      t.same(fill(polygons, width, height), data, `${width}x${height}, ${density}`)
    }
  }
})

t.test('a ring has an outline and a hole; neighbours at a corner stay apart', async t => {
  const ring = new Mask(Uint8Array.from([1, 1, 1, 1, 0, 1, 1, 1, 1]), 3, 3)
  t.same(ring.toPolygons(), [
    {
      points: [
        [0, 0],
        [3, 0],
        [3, 3],
        [0, 3],
      ],
      hole: false,
    },
    {
      points: [
        [1, 2],
        [2, 2],
        [2, 1],
        [1, 1],
      ],
      hole: true,
    },
  ])
  t.equal(maskToPolygons(Uint8Array.from([1, 0, 0, 1]), 2, 2).length, 2)
})
