import t, { type Test } from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { Mask } from '../../lib/formats/mask.js'
import { encodeRle } from '../../lib/formats/rle.js'
import { type FusedMasks, nativeMaskWork } from '../../lib/ground/mask-work.js'
import { FUSION_STRATEGIES } from '../../lib/ground/options.js'
import { boxOf, interiorPoint, referenceMaskWork } from '../support/mask-work.js'

const native = nativeMaskWork

/** Numbers from 0 to 1, the same in every run. */
function random(seed: number) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Empty, full, a block or single pixels. */
function draw(next: () => number, width: number, height: number): Uint8Array {
  const kind = Math.floor(next() * 5)
  const [left, top] = [next() * width, next() * height]
  return Uint8Array.from({ length: width * height }, (_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)]
    if (kind < 2) return kind
    return +(kind === 2 ? next() < 0.1 : Math.abs(x - left) + Math.abs(y - top) < width / 3)
  })
}

function same(t: Test, got: Mask | null, expected: Mask | null, what: string): void {
  if (!got || !expected) {
    t.equal(got, expected, what)
    return
  }
  const { data, width, height } = expected
  t.same([got.width, got.height], [width, height])
  t.equal(Buffer.compare(got.data, data), 0, what)
  t.equal(got.data, got.data, 'bytes are made once')
  t.equal(
    got.area,
    data.reduce((sum, set) => sum + set, 0),
    `${what}: area`,
  )
  t.same(got.box, boxOf(data, width), `${what}: box`)
  t.same(got.innerPoint(), interiorPoint(data, width), `${what}: inner point`)
  t.same(got.toRLE(), encodeRle(data, width, height), `${what}: run lengths`)
}

function sameFrame(t: Test, got: FusedMasks, expected: FusedMasks): void {
  same(t, got.mask, expected.mask, 'frame')
  same(t, got.directions.forward, expected.directions.forward, 'forward')
  same(t, got.directions.backward, expected.directions.backward, 'backward')
  t.equal(got.agreement, expected.agreement)
  t.equal(got.objects.length, expected.objects.length)
  for (const [o, { mask, agreement }] of expected.objects.entries()) {
    same(t, got.objects[o]!.mask, mask, `object ${o}`)
    t.equal(got.objects[o]!.agreement, agreement)
  }
}

t.test('the engine gives what plain words say, bit by bit', async t => {
  const next = random(3)
  for (const [width, height] of [
    [1, 1],
    [5, 9],
    [64, 64],
    [67, 41],
    [130, 70],
  ] as const) {
    for (const strategy of FUSION_STRATEGIES) {
      const drawn = (count: number) =>
        Array.from({ length: count }, () => draw(next, width, height))
      const [forward, backward] = [drawn(3), drawn(2)]
      const pairs = [
        [0, 1],
        [1, -1],
        [2, 0],
        [-1, 1],
      ] as const
      const estimates = { width, height, forward, backward, pairs }
      const options = { tau: next(), strategy }
      const got = await native.fuse(estimates, options)
      sameFrame(t, got, await referenceMaskWork.fuse(estimates, options))
      const handles = got.objects.map(({ mask }) => mask)
      t.same(
        await native.overlaps(forward, [...handles, backward[0]!], { width, height }),
        await referenceMaskWork.overlaps(forward, [...handles, backward[0]!], { width, height }),
      )
    }
  }
})

t.test('nothing is a frame too', async t => {
  const nothing = { width: 4, height: 3, forward: [], backward: [], pairs: [] }
  const options = { tau: 0.7, strategy: 'bidirectional' } as const
  sameFrame(t, await native.fuse(nothing, options), await referenceMaskWork.fuse(nothing, options))
  t.same(await native.overlaps([], [new Uint8Array(12)], nothing), [])
})

t.test('the bytes of a mask from the engine are a copy', async t => {
  const forward = [Uint8Array.of(1, 1, 0, 0)]
  const request = { width: 2, height: 2, forward, backward: [], pairs: [[0, -1]] as const }
  const { objects } = await native.fuse(request, { tau: 0.7, strategy: 'bidirectional' })
  const { mask } = objects[0]!
  forward[0]!.fill(0)
  t.same([...mask.data], [1, 1, 0, 0], 'of what the job was given')
  mask.data.fill(1)
  t.equal(mask.area, 2)
  const given = new Mask(Uint8Array.of(1, 0, 0, 0), 2, 2)
  t.same(given.toRLE(), encodeRle(given.data, 2, 2))
  given.data[3] = 1
  t.same(given.toRLE(), encodeRle(given.data, 2, 2), 'run lengths of given bytes are those of now')
})

t.test('what does not fit is refused before any work', async t => {
  const options = { tau: 0.7, strategy: 'bidirectional' } as const
  const base = { width: 4, height: 3, forward: [new Uint8Array(12)], backward: [], pairs: [] }
  const bad = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })
  const fuse = (change: object, how: object = {}) =>
    native.fuse({ ...base, ...change }, { ...options, ...how })
  await t.rejects(fuse({ forward: [new Uint8Array(11)] }), bad(/at least 12 bytes/))
  await t.rejects(fuse({ backward: [new Float32Array(12)] }), bad(/a Uint8Array/))
  await t.rejects(fuse({ backward: ['mask'] }), bad(/a MaskHandle handle/))
  await t.rejects(fuse({ pairs: [[1, -1]] }), bad(/places in 1 and 0 masks/))
  await t.rejects(fuse({ pairs: [[-1, -1]] }), bad(/places in 1 and 0 masks/))
  await t.rejects(fuse({ width: 0 }), bad(/width/))
  await t.rejects(fuse({}, { tau: 2 }), bad(/tau must be from 0 to 1/))
  await t.rejects(fuse({}, { strategy: 'none' }), bad(/bidirectional/))
  const small = new Mask(addon().packMask({ data: new Uint8Array(4), width: 2, height: 2 }))
  await t.rejects(
    native.overlaps([base.forward[0]!], [small], base),
    bad(/must be 4 x 3, but is 2 x 2/),
  )
  t.throws(() => new Mask(new Uint8Array(3), 2, 2).area, bad(/at least 4 bytes/))
})
