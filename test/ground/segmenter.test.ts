import t from 'tap'
import type { AddonImageFeatures, AddonImagePrompt } from '../../lib/engine/addon.js'
import type { ClipSegmenter, Tracking } from '../../lib/ground/clip-segmenter.js'
import { groundClip } from '../../lib/ground/ground.js'
import { groundSettings } from '../../lib/ground/options.js'
import { Segmenter, VideoMolmo } from '../../lib/index.js'
import { PerFrameClipSegmenter } from '../../lib/segment/per-frame-clip-segmenter.js'
import { openClip } from '../../lib/video/source.js'
import { FakeModels } from '../support/fake-models.js'
import { center, drawClip, twoBoxes } from '../support/scene.js'
import { click, encodeClip, iou, squareFrame } from '../support/segmenter.js'

const SIZE = { width: 8, height: 6 }
const call = { signal: new AbortController().signal }

/** A block of 3 x 3 pixels around a middle. */
function block(x: number, y: number): Uint8Array {
  const mask = new Uint8Array(SIZE.width * SIZE.height)
  for (let row = y - 1; row <= y + 1; row++) mask.fill(1, row * 8 + x - 1, row * 8 + x + 2)
  return mask
}

t.test('without memory all that passes on is where to click', async t => {
  const empty = new Uint8Array(48)
  const features = { ...SIZE, dispose: () => {} } as AddonImageFeatures
  const asked: AddonImagePrompt[][] = []
  const frames = [
    [block(3, 2), block(5, 3)],
    [empty, block(6, 4)],
    [block(2, 2), block(5, 4)],
  ]
  const model = {
    encode: () => Promise.reject(new Error('not called')),
    segment: (_: AddonImageFeatures, prompts: AddonImagePrompt[], options?: object) => {
      t.match(options, { multimask: true })
      const found = frames[asked.length]!
      asked.push(prompts)
      return Promise.resolve({
        count: 3,
        // Of three readings the last is the surest.
        masks: found.map(mask => Uint8Array.from([...empty, ...block(1, 1), ...mask])),
        lowResLogits: [],
        ious: found.map(() => Float32Array.of(0.25, 0.5, 0.75)),
        times: { maskDecoder: 2 },
      })
    },
  }
  const segmenter = new PerFrameClipSegmenter(model)
  const track = segmenter.openTrack({ ...SIZE, frameCount: 3, reverse: false })
  const points = [
    { x: 2, y: 1 },
    { x: 4, y: 4 },
  ]
  const given = [
    await track.start(0, features, points, call),
    await track.step(1, features, call),
    await track.step(2, features, call),
  ]
  for (const [i, { masks, ious, times }] of given.entries()) {
    t.same(masks, frames[i])
    t.same([...(ious as number[])], [0.75, 0.75])
    t.same(times, { maskDecoder: 2 })
  }
  t.same(
    asked.map(prompts => prompts.map(prompt => [...prompt.points!])),
    [
      [
        [2, 1],
        [4, 4],
      ],
      [
        [3, 2],
        [5, 3],
      ],
      [
        [3, 2],
        [6, 4],
      ],
    ],
    'the deepest pixel of the last mask, or the old place when it is empty',
  )
})

t.test('the embedded segmenter follows a square without memory', async t => {
  await using segmenter = await Segmenter.load(undefined, { threads: 2 })
  const frames = await encodeClip(segmenter.handle, 4)
  const { width, height } = frames[0]!
  const options = { width, height, frameCount: 4, reverse: false }
  const track = segmenter.tracking('per-frame').openTrack(options)
  const [x, y] = click().points
  for (const [i, features] of frames.entries()) {
    const { masks, ious } =
      i === 0
        ? await track.start(0, features, [{ x: x!, y: y! }], call)
        : await track.step(i, features, call)
    const red = squareFrame(10 + 4 * i).data.filter((_, at) => at % 3 === 0)
    const square = red.map(value => +(value === 230))
    t.ok(iou(masks[0]!, square) > 0.8, `frame ${i}: ${iou(masks[0]!, square)}`)
    t.ok(ious[0]! > 0)
  }
  t.throws(() => segmenter.tracking('none' as Tracking), {
    code: 'INVALID_ARGUMENT',
    message: /memory, per-frame, got "none"/,
  })
})

const scene = twoBoxes(7)

/** A segmenter of a caller's own making, which sees colours. */
const byColor = (): ClipSegmenter => new FakeModels({ answer: () => [] }).segmenter as ClipSegmenter

async function groundWith(segmenter: ClipSegmenter, signal?: AbortSignal): Promise<number> {
  const fake = new FakeModels({ answer: f => scene.objects.map(object => center(object, f)) })
  const own = {
    pointer: fake.pointer,
    masks: fake.masks,
    segmenter,
  }
  const source = await openClip(drawClip(scene))
  const settings = groundSettings(signal ? { signal } : {}, 4)
  let frames = 0
  for await (const _ of groundClip(own, source, 'boxes', settings)) frames++
  return frames
}

t.test('another segmenter stands in for SAM 2', async t => {
  let encoded = 0
  const eyes = byColor()
  const segmenter: ClipSegmenter = {
    encode: (image, call) => {
      encoded++
      return eyes.encode(image, call)
    },
    openTrack: options => eyes.openTrack(options),
  }
  await using vm = await VideoMolmo.load({ segmenter })
  t.equal(vm.segmenter, segmenter)
  let [visible, frames] = [0, 0]
  for await (const { mask, image } of vm.ground(drawClip(scene), 'all shapes')) {
    frames++
    if (mask.area > 0) visible++
    const colors = [...mask.data.keys()].map(at => image.data.subarray(at * 3, at * 3 + 3).join())
    const held = new Set(colors.filter((_, at) => mask.data[at]))
    t.same(
      [...mask.data],
      colors.map(color => +held.has(color)),
      'a colour is held whole or not at all',
    )
  }
  t.equal(frames, 7)
  t.ok(visible > 0, `${visible} frames with something in them`)
  t.ok(encoded > 0 && encoded <= 7, `${encoded} frames encoded`)
  await t.rejects(VideoMolmo.load({ segmenter, tracking: 'per-frame' }), {
    code: 'INVALID_ARGUMENT',
    message: /tracking .* got "per-frame"/,
  })
  await t.rejects(VideoMolmo.load({ segmenter: {} as ClipSegmenter }), {
    code: 'INVALID_ARGUMENT',
    message: /encode and openTrack/,
  })
})

t.test('what another segmenter gives is checked', async t => {
  const giving = (change: (masks: Uint8Array[]) => Uint8Array[]): ClipSegmenter => {
    const colors = byColor()
    return {
      encode: (image, call) => colors.encode(image, call),
      openTrack: options => {
        const track = colors.openTrack(options)
        return {
          start: (...args) => track.start(...args),
          step: async (...args) => {
            const found = await track.step(...args)
            return { ...found, masks: change(found.masks) }
          },
          dispose: () => track.dispose(),
        }
      },
    }
  }
  t.equal(await groundWith(giving(masks => masks)), 7)
  await t.rejects(groundWith(giving(masks => masks.slice(1))), {
    code: 'INVALID_ARGUMENT',
    message: /each of 2 points, got 1 and 2 on frame 1/,
  })
  await t.rejects(groundWith(giving(masks => masks.map(mask => mask.subarray(1)))), {
    code: 'INVALID_ARGUMENT',
    message: /64x48 = 3072 bytes, got 3071 on frame 1/,
  })
})

t.test('another segmenter hears when the caller gives up', async t => {
  const controller = new AbortController()
  let heard: AbortSignal | undefined
  const segmenter: ClipSegmenter = {
    encode: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        heard = signal
        signal.addEventListener('abort', () => reject(new Error('gave up')))
        controller.abort()
      }),
    openTrack: () => byColor().openTrack({ ...SIZE, frameCount: 0, reverse: false }),
  }
  await t.rejects(groundWith(segmenter, controller.signal), { message: 'gave up' })
  t.ok(heard?.aborted)
})
