import t from 'tap'
import type { AddonFrameMasks } from '../../lib/engine/addon.js'
import { Mask } from '../../lib/formats/mask.js'
import { moreClicks } from '../../lib/ground/more-clicks.js'
import { MemoryClipSegmenter, type TrackingVideo } from '../../lib/segment/memory-clip-segmenter.js'

const [width, height] = [40, 30]

/** A box from (8, 6) to (27, 17). */
function box(): Mask {
  const data = new Uint8Array(width * height)
  for (let y = 6; y < 18; y++) data.fill(1, y * width + 8, y * width + 28)
  return new Mask(data, width, height)
}

const on = (mask: Mask, { x, y }: { x: number; y: number }) => mask.data[y * width + x] === 1

t.test('further clicks lie on the object and apart from each other', async t => {
  const mask = box()
  const before = mask.data.slice()
  const { points, labels } = moreClicks(mask, { x: 12, y: 11 }, { points: 4, negative: false })
  t.same(labels, [1, 1, 1, 1])
  t.same(points[0], { x: 12, y: 11 })
  for (const [i, point] of points.entries()) {
    t.ok(on(mask, point), `click ${i}`)
    for (const other of points.slice(0, i)) {
      t.ok(Math.hypot(point.x - other.x, point.y - other.y) > 4, 'half of a disk of that area')
    }
  }
  t.same(mask.data, before, 'the mask stays as it is')
})

t.test('a click beside the object is near it but not on it', async t => {
  const mask = box()
  const { points, labels } = moreClicks(mask, { x: 12, y: 11 }, { points: 1, negative: true })
  t.same(labels, [1, 0])
  const [, beside] = points
  t.notOk(on(mask, beside!))
  t.ok(beside!.x >= 0 && beside!.x < width && beside!.y >= 0 && beside!.y < height)
  t.ok(beside!.y < 6 - 2 || beside!.y > 17 + 2 || beside!.x < 8 - 2 || beside!.x > 27 + 2)
})

t.test('small and empty masks give what they can', async t => {
  const dot = new Mask(new Uint8Array(width * height), width, height)
  t.same(moreClicks(dot, { x: 3, y: 3 }, { points: 3, negative: true }).labels, [1])
  const data = new Uint8Array(width * height)
  data[3 * width + 3] = 1
  const one = moreClicks(
    new Mask(data, width, height),
    { x: 3, y: 3 },
    { points: 3, negative: false },
  )
  t.same(one.points, [{ x: 3, y: 3 }])
})

t.test('the segmenter gives all clicks of an object at once', async t => {
  const prompts: { points: number[]; labels: number[] }[] = []
  const found = (): AddonFrameMasks => ({
    frameIndex: 0,
    objectIds: [0],
    masks: [box().data],
    ious: Float32Array.of(1),
    objectScores: Float32Array.of(1),
    times: {},
  })
  const video: TrackingVideo = {
    addPoints: async (_, __, ___, { points, labels }) => {
      prompts.push({ points: [...points!], labels: [...labels!] })
      return found()
    },
    commit: async () => ({ times: {} }),
    track: async () => found(),
    dispose: () => {},
  }
  const model = { encode: t.fail as never, openVideo: () => video }
  const start = async (clicks?: { points: number; negative: boolean }) => {
    prompts.length = 0
    const segmenter = new MemoryClipSegmenter(model, clicks)
    const track = segmenter.openTrack({ width, height, frameCount: 2, reverse: false })
    const { signal } = new AbortController()
    await track.start(0, {} as never, [{ x: 12, y: 11 }], { signal })
    return prompts
  }
  t.same(await start(), [{ points: [12, 11], labels: [1] }], 'one call, as the paper has it')
  const [, all] = await start({ points: 2, negative: true })
  t.same(all!.labels, [1, 1, 0])
  t.same(all!.points.slice(0, 2), [12, 11])
  t.equal(all!.points.length, 6)
})
