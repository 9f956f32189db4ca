import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { AddonSegmenter, AddonVideoOptions } from '../../lib/engine/addon.js'
import { decodeLabelPng } from '../../lib/formats/png.js'
import { Mask, type SegmentedFrame, Segmenter, SegmenterVideo } from '../../lib/index.js'
import { scoreMasks } from '../../lib/metrics/masks.js'
import { centroid } from '../../lib/metrics/points.js'
import { FrameReader } from '../../lib/video/reader.js'
import { openClip } from '../../lib/video/source.js'
import { demoFolder } from '../support/cli.js'

const clip = join(demoFolder, 'clip.mp4')

function truthOf(frame: number, label: number): Mask {
  const path = join(demoFolder, 'truth', `${String(frame).padStart(5, '0')}.png`)
  const { data, width, height } = decodeLabelPng(readFileSync(path))
  return new Mask(
    data.map(value => +(value === label)),
    width,
    height,
  )
}

async function collect(frames: AsyncIterable<SegmentedFrame>): Promise<SegmentedFrame[]> {
  const list: SegmentedFrame[] = []
  for await (const frame of frames) list.push(frame)
  return list
}

t.test('one picture, many prompts', async t => {
  const segmenter = await Segmenter.load()
  t.teardown(() => segmenter.dispose())
  const frames = []
  for await (const frame of await openClip(clip)) frames.push(frame)
  const image = frames[0]!
  const encoded = await segmenter.encode(image)
  const { x, y } = centroid(truthOf(0, 3))!
  const click = { points: [[x, y]] as const }
  const [single, boxed] = await segmenter.segment(encoded, [click, { box: [10, 10, 60, 60] }])
  t.equal(single!.masks.length, 1)
  t.same([single!.masks[0]!.width, single!.masks[0]!.height], [image.width, image.height])
  t.equal(boxed!.scores.length, 1)
  const [several] = await segmenter.segment(encoded, click, { multimask: true })
  t.equal(several!.masks.length, 3)
  t.equal(several!.lowResLogits.length, 3)
  const again = { ...click, maskInput: single!.lowResLogits[0]! }
  const [refined] = await segmenter.segment(encoded, again)
  t.equal(refined!.masks.length, 1)
  encoded.dispose()
  const [direct] = await segmenter.segment(image, click)
  t.same(direct!.masks[0]!.data, single!.masks[0]!.data, 'with and without encode')
})

t.test('objects are followed through a video in both directions', async t => {
  const segmenter = await Segmenter.load()
  t.teardown(() => segmenter.dispose())
  using video = await segmenter.openVideo(clip)
  t.equal(video.frameCount, 16)
  const { x, y } = centroid(truthOf(5, 3))!
  const first = await video.addPoints(5, 'shape', [[x, y]])
  t.same(
    first.objects.map(({ objectId }) => objectId),
    ['shape'],
  )
  await video.addMask(5, 7, truthOf(5, 2))
  t.same(video.objectIds, ['shape', 7])
  const frames = await collect(video.propagate({ startFrame: 5, direction: 'both' }))
  t.same(
    frames.map(({ frameIndex }) => frameIndex),
    [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 3, 2, 1, 0],
  )
  const given = frames[0]!.objects.find(({ objectId }) => objectId === 7)!
  t.ok(scoreMasks(truthOf(5, 2), given.mask).j > 0.8, 'a given mask comes back')
  const near = await collect(video.propagate({ startFrame: 5, maxFrames: 2 }))
  t.equal(near.length, 3)
  await video.removeObject('shape')
  t.same(video.objectIds, [7])
  video.reset()
  t.same(video.objectIds, [])
  await video.addPoints(0, 7, [[20, 20]], [0], { clearOldPoints: true })
  t.same(video.objectIds, [7])
})

t.test('frames are encoded once, and not at all where every object was given', async t => {
  const segmenter = await Segmenter.load()
  t.teardown(() => segmenter.dispose())
  let encoded = 0
  const engine = {
    encode: (...args: Parameters<AddonSegmenter['encode']>) => {
      encoded++
      return segmenter.handle.encode(...args)
    },
    openVideo: (options: AddonVideoOptions) => segmenter.handle.openVideo(options),
  } as AddonSegmenter
  const reader = await FrameReader.open(clip)
  using video = await SegmenterVideo.open(engine, reader, {})
  const given = truthOf(2, 1)
  await video.addMask(2, 'shape', given)
  const frames = await collect(video.propagate({ direction: 'both' }))
  // Forward to the last of 16 frames; frame 2, long forgotten, then begins the way back.
  t.equal(frames.length, 14 + 3)
  t.equal(encoded, 16)
  const [first, again] = frames.filter(({ frameIndex }) => frameIndex === 2)
  t.same(again!.objects[0]!.mask.data, first!.objects[0]!.mask.data)
})

t.test('a mask must say its size', async t => {
  await using segmenter = await Segmenter.load()
  using video = await segmenter.openVideo(clip)
  const bare = new Uint8Array(64 * 48) as unknown as Mask
  await t.rejects(video.addMask(0, 'a', bare), {
    code: 'INVALID_ARGUMENT',
    message: /width, height/,
  })
  await t.rejects(video.addMask(0, 'a', undefined as unknown as Mask), { code: 'INVALID_ARGUMENT' })
})

t.test('a video that was disposed', async t => {
  const segmenter = await Segmenter.load()
  t.teardown(() => segmenter.dispose())
  const video = await segmenter.openVideo(clip)
  video.dispose()
  video.dispose()
  await t.rejects(video.addPoints(0, 1, [[5, 5]]), { code: 'DISPOSED' })
  await t.rejects(collect(video.propagate()), { code: 'DISPOSED' })
  t.throws(() => video.reset(), { code: 'DISPOSED' })
})
