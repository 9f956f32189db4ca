import t from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { objectColor } from '../../lib/video/colors.js'
import { drawOverlay } from '../../lib/video/overlay.js'

/** What the engine paints against the same in plain words. */
const SIZES = [
  [1, 1],
  [3, 5],
  [64, 9],
  [70, 33],
] as const

function random(seed: number) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Solid, sparse and full masks; they overlap and reach every border. */
function draw(next: () => number, width: number, height: number): Uint8Array[] {
  return [0.9, 0.1, 1].map(share =>
    Uint8Array.from({ length: width * height }, () => +(next() < share)),
  )
}

function tinted(picture: Uint8Array, width: number, masks: readonly Uint8Array[], ids: number[]) {
  const data = picture.slice()
  for (const [m, mask] of masks.entries()) {
    for (const [at, set] of mask.entries()) {
      if (!set) continue
      const around = [at - 1, at + 1, at - width, at + width]
      const rim = at % width === 0 || around.some(place => !mask[place])
      const share = rim ? 1 : 0.45
      for (const [c, value] of objectColor(ids[m]!).entries()) {
        data[at * 3 + c] = data[at * 3 + c]! * (1 - share) + value * share
      }
    }
  }
  return data
}

t.test('masks are tinted as before, value by value', async t => {
  const next = random(5)
  for (const [width, height] of SIZES) {
    const data = Uint8Array.from({ length: width * height * 3 }, () => next() * 256)
    const before = data.slice()
    const masks = draw(next, width, height)
    const ids = [1, 8, 13]
    const objects = masks.map((mask, m) => ({
      objectId: ids[m]!,
      mask,
      points: [],
    }))
    const image = await drawOverlay({ data, width, height }, objects)
    t.equal(Buffer.compare(image.data, tinted(data, width, masks, ids)), 0, `${width}x${height}`)
    t.equal(Buffer.compare(data, before), 0, 'the frame stays as it is')
  }
})

t.test('lines of labels, of one byte and of two', async t => {
  const next = random(9)
  for (const [width, height] of SIZES) {
    const masks = draw(next, width, height).toReversed().slice(1)
    for (const [wide, numbers] of [
      [false, [3, 254]],
      [true, [300, 65535]],
    ] as const) {
      const given = masks.map(mask => addon().packMask({ data: mask, width, height }))
      const request = { width, height, masks: given, numbers: Uint32Array.from(numbers), wide }
      const lines = Buffer.from(await addon().labelLines(request))
      const row = 1 + width * (wide ? 2 : 1)
      t.equal(lines.length, row * height)
      for (let y = 0; y < height; y++) {
        const line = lines.subarray(y * row, (y + 1) * row)
        t.equal(line[0], 0, 'no filter')
        const found = Array.from({ length: width }, (_, x) =>
          wide ? line.readUInt16BE(1 + 2 * x) : line[1 + x],
        )
        const first = (x: number) => masks.findIndex(mask => mask[y * width + x])
        t.same(
          found,
          Array.from({ length: width }, (_, x) => numbers[first(x)] ?? 0),
        )
      }
    }
  }
})

t.test('numbers and colours must fit the masks', async t => {
  const masks = [new Uint8Array(12)]
  const size = { width: 4, height: 3 }
  const bad = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })
  const label = (numbers: number[], wide: boolean) => () =>
    addon().labelLines({ ...size, masks, numbers: Uint32Array.from(numbers), wide })
  t.throws(label([256], false), bad(/1 numbers up to 255/))
  t.throws(label([65536], true), bad(/1 numbers up to 65535/))
  t.throws(label([1, 2], false), bad(/1 numbers/))
  const tint = (data: Uint8Array, colors: number) => () =>
    addon().tintMasks({ ...size, data, masks, colors: new Uint8Array(colors) })
  t.throws(tint(new Uint8Array(36), 4), bad(/red, green and blue of 1 masks/))
  t.throws(tint(new Uint8Array(35), 3), bad(/at least 36 bytes/))
})
