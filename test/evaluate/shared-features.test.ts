import t from 'tap'
import { CachedModels } from '../../lib/evaluate/cached-models.js'
import { SharedFeatures } from '../../lib/evaluate/shared-features.js'
import { nativeMaskWork } from '../../lib/ground/mask-work.js'
import { Pointer, Segmenter } from '../../lib/index.js'
import { toRgb } from '../../lib/video/pixels.js'
import { drawClip, twoBoxes } from '../support/scene.js'

t.test('features are freed with the last hold, and each hold is let go once', async t => {
  let freed = 0
  const features = { dispose: () => void freed++ }
  const shared = new SharedFeatures(features)
  const [first, second] = [shared.hold(), shared.hold()]
  t.equal(first.features, features)
  first.dispose()
  first.dispose()
  t.equal(freed, 0)
  second.dispose()
  t.equal(freed, 1)
})

t.test('cached models keep features of the engine, which stay as the engine made them', async t => {
  await using pointer = await Pointer.load()
  await using segmenter = await Segmenter.load()
  const image = toRgb(drawClip(twoBoxes(1))[0]!)
  const models = { pointer, segmenter: segmenter.tracking(), masks: nativeMaskWork }
  const cached = new CachedModels(models, 1)
  const call = { signal: new AbortController().signal }
  const { width, height } = image
  const one = await cached.segmenter.encode(image, call)
  const two = await cached.segmenter.encode(image, call)
  const native = (one.features as unknown as { features: object }).features
  t.equal((two.features as unknown as { features: object }).features, native, 'encoded once')
  t.notOk(Object.hasOwn(native, 'dispose'), 'the handle keeps its own dispose')
  one.features.dispose()
  two.features.dispose()
  const start = () => {
    const track = cached.segmenter.openTrack({ width, height, frameCount: 1, reverse: false })
    return track.start(0, one.features, [{ x: 12, y: 12 }], call)
  }
  t.equal((await start()).masks.length, 1, 'still there for the next sentence')
  cached.dispose()
  const late = segmenter.tracking().openTrack({ width, height, frameCount: 1, reverse: false })
  await t.rejects(late.start(0, native as never, [{ x: 12, y: 12 }], call), { code: 'DISPOSED' })
  late.dispose()
})
