import t from 'tap'
import type { AddonImagePrompt, AddonSegmenter } from '../../lib/engine/addon.js'
import { area, click, FRAME, iou, loadEmbedded, squareFrame } from '../support/segmenter.js'

const pixels = FRAME.width * FRAME.height
let model: AddonSegmenter
t.before(async () => {
  model = await loadEmbedded()
})
t.after(() => model.dispose())

t.test('a click and a box on the same object give similar masks', async t => {
  const { features, times } = await model.encode(squareFrame(10), { mode: 'image' })
  t.equal(features.width, FRAME.width)
  t.equal(features.height, FRAME.height)
  t.ok(times.imageEncoder! > 0)
  const box = Float32Array.of(10, 20, 30, 40)
  const found = await model.segment(features, [click(), { box }], { multimask: false })
  t.equal(found.count, 1)
  t.equal(found.masks.length, 2)
  const [clicked, boxed] = found.masks as [Uint8Array, Uint8Array]
  t.equal(clicked.length, pixels)
  t.ok(area(clicked) > 100 && area(clicked) < pixels / 2, `area ${area(clicked)}`)
  t.ok(iou(clicked, boxed) > 0.5, `IoU ${iou(clicked, boxed)}`)
  features.dispose()
})

t.test('prompts of one call do not influence each other', async t => {
  const { features } = await model.encode(squareFrame(10))
  const ground: AddonImagePrompt = { points: Float32Array.of(80, 55), labels: Int32Array.of(1) }
  const two: AddonImagePrompt = {
    points: Float32Array.of(20, 30, 80, 10),
    labels: Int32Array.of(1, 0),
  }
  const together = await model.segment(features, [click(), two, ground], { multimask: true })
  t.equal(together.count, 3)
  for (const [i, prompt] of [click(), two, ground].entries()) {
    const alone = await model.segment(features, [prompt], { multimask: true })
    t.strictSame(together.masks[i], alone.masks[0], `prompt ${i}`)
    for (let k = 0; k < 3; k++) {
      t.ok(Math.abs(together.ious[i]![k]! - alone.ious[0]![k]!) < 1e-4)
    }
  }
  features.dispose()
})

t.test('low-resolution logits can be fed back', async t => {
  const { features } = await model.encode(squareFrame(10))
  const first = await model.segment(features, [click()], { multimask: false })
  const maskInput = first.lowResLogits[0]!
  t.ok(maskInput.every(value => Math.abs(value) <= 32))
  const again = await model.segment(features, [{ ...click(), maskInput }], { multimask: false })
  t.ok(area(again.masks[0]!) > 0)
  const alone = await model.segment(features, [{ maskInput }], { multimask: false })
  t.equal(alone.masks[0]!.length, pixels)
  features.dispose()
})

t.test('prompts that are none are refused', async t => {
  const { features } = await model.encode(squareFrame(10))
  const refused = (prompt: AddonImagePrompt, message: RegExp) =>
    t.rejects(model.segment(features, [prompt]), { code: 'INVALID_ARGUMENT', message })
  const labels = Int32Array.of(1)
  await refused({}, /points, a box or a mask/)
  await refused({ points: Float32Array.of(Number.NaN, 3), labels }, /finite/)
  await refused({ points: Float32Array.of(FRAME.width + 1, 3), labels }, /outside/)
  await refused({ points: Float32Array.of(3, -0.5), labels }, /outside/)
  await refused({ points: Float32Array.of(3, 3) }, /labels/)
  await refused({ points: Float32Array.of(3, 3), labels: Int32Array.of(1, 1) }, /labels/)
  await refused({ points: Float32Array.of(3, 3), labels: Int32Array.of(2) }, /labels/)
  await refused({ points: Float32Array.of(3), labels }, /pairs/)
  await refused({ box: Float32Array.of(30, 20, 10, 40) }, /x0 < x1/)
  await refused({ box: Float32Array.of(FRAME.width, 0, FRAME.width + 2, 10) }, /outside/)
  await refused({ box: Float32Array.of(0, Number.NaN, 5, 10) }, /finite/)
  await refused({ ...click(), maskInput: new Float32Array(10) }, /maskInput/)
  await t.rejects(async () => model.segment(features, [{ box: Float32Array.of(1, 2, 3) }]), {
    code: 'INVALID_ARGUMENT',
    message: /four numbers/,
  })
  t.same((await model.segment(features, [])).masks, [])
  features.dispose()
})

t.test('pictures that are none are refused', async t => {
  const { data } = squareFrame(10)
  const refused = (image: object, message: RegExp) =>
    t.rejects(async () => model.encode({ data, ...FRAME, ...image }), {
      code: 'INVALID_ARGUMENT',
      message,
    })
  await refused({ data: data.subarray(1) }, /bytes/)
  await refused({ width: 0 }, /width/)
  await refused({ height: 1e6 }, /height/)
  await refused({ stride: 10 }, /stride/)
  const moved = data.slice()
  structuredClone(moved.buffer, { transfer: [moved.buffer] })
  await refused({ data: moved }, /detached|bytes/)
})

t.test('features belong to the model that made them', async t => {
  const other = await loadEmbedded()
  const { features } = await other.encode(squareFrame(10))
  await t.rejects(async () => model.segment(features, [click()]), {
    code: 'INVALID_ARGUMENT',
    message: /same model/,
  })
  await t.rejects(async () => model.segment({} as never, [click()]), { code: 'INVALID_ARGUMENT' })
  await other.dispose()
})
