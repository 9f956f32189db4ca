import t from 'tap'
import { checkOptions, type OptionNames } from '../../lib/options/check.js'
import { editDistance, nearest } from '../../lib/options/nearest.js'

t.test('steps between words', async t => {
  for (const [from, to, steps] of [
    ['tau', 'tau', 0],
    ['', 'tau', 3],
    ['tau', '', 3],
    ['tua', 'tau', 1],
    ['taus', 'tau', 1],
    ['ta', 'tau', 1],
    ['tan', 'tau', 1],
    ['keyframEvrey', 'keyframeEvery', 2],
    ['kitten', 'sitting', 3],
  ] as const) {
    t.equal(editDistance(from, to), steps, `${from} -> ${to}`)
  }
})

t.test('the nearest word', async t => {
  const known = ['keyframeEvery', 'keyframeBatch', 'maxFrames', 'tau']
  t.equal(nearest('keyframesEvery', known), 'keyframeEvery')
  t.equal(nearest('keyframebatch', known), 'keyframeBatch')
  t.equal(nearest('max_frames', known), 'maxFrames')
  t.equal(nearest('TAU', known), 'tau')
  t.equal(nearest('colour', known), null)
  t.equal(nearest('x', []), null)
})

t.test('options that a call knows', async t => {
  type Options = { tau?: number; fusion?: string }
  const known: OptionNames<Options> = { tau: true, fusion: true }
  checkOptions(known, {}, 'call')
  checkOptions(known, { tau: 1, fusion: 'a' }, 'call')
  checkOptions(known, { tau: undefined, nothing: undefined } as Options, 'call')
  const refused = (options: unknown, message: string) =>
    t.throws(() => checkOptions(known, options as Options, 'call'), {
      code: 'INVALID_ARGUMENT',
      message,
    })
  refused({ tua: 1 }, 'call: there is no option "tua"; did you mean "tau"?')
  refused({ tau: 1, colour: 2 }, 'call: there is no option "colour"; expected one of tau, fusion')
  refused({ toString: 1 }, 'call: there is no option "toString"; expected one of tau, fusion')
  refused(null, 'call: expected options as an object, got null')
  refused('tau', 'call: expected options as an object, got tau')
  refused([], 'call: expected options as an object, got a list')
})
