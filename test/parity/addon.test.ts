import t from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { FRAME, loadEmbedded, squareFrame } from '../support/segmenter.js'
import { parityAddon } from './addon.js'

const invalid = (message: RegExp) => ({ code: 'INVALID_ARGUMENT', message })

t.test('the shipped addon has none of the functions of golden sets', t => {
  const shipped = new Set(Object.keys(addon()))
  const extra = Object.keys(parityAddon()).filter(name => !shipped.has(name))
  t.same(extra.sort(), ['encodeTensor', 'runOp', 'runStage'])
  for (const name of shipped) t.ok(name in parityAddon(), name)
  t.end()
})

t.test('an operation and a stage that there are not', async t => {
  t.throws(() => parityAddon().runOp('no such operation', {}, {}), invalid(/no operation/))
  const model = await loadEmbedded(parityAddon())
  t.teardown(() => model.dispose())
  const { features } = await model.encode(squareFrame(10))
  await t.rejects(
    parityAddon().runStage(model, 'no such stage', features, {}),
    invalid(/no such stage is unknown/),
  )
  await t.rejects(
    async () => parityAddon().encodeTensor(model, new Float32Array(5), FRAME),
    invalid(/./),
  )
})

t.test('models of the shipped addon are strangers', async t => {
  const model = await loadEmbedded()
  t.teardown(() => model.dispose())
  const pixels = new Float32Array(3)
  t.throws(() => parityAddon().encodeTensor(model, pixels, FRAME), invalid(/a Segmenter handle/))
})
