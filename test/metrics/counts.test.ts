import t from 'tap'
import { readCount, scoreCounts } from '../../lib/metrics/counts.js'

// The values of many more counts and answers are in test/parity/metrics.test.ts.

t.test('answers without a count are wrong, and a count of 0 for the error', async t => {
  const score = scoreCounts([null, 3, 5], [4, 3, 4])
  t.same(score, { ema: 100 / 3, mae: 5 / 3, close: 2 / 3, closeRelative: 2 / 3, unreadable: 1 })
  t.equal(scoreCounts([null, 3, 5], [4, 3, 4], { unreadableAs: 4 })?.mae, 1 / 3)
  t.match(scoreCounts([null], [0]), { ema: 0, close: 0 }, 'also where 0 would be right')
})

t.test('twenty objects allow one more', async t => {
  const score = scoreCounts([18, 17, 38], [20, 19, 41])
  t.equal(score?.close, 0)
  t.equal(score?.closeRelative, 2 / 3)
})

t.test('lists must fit together; of nothing there is no score', async t => {
  t.throws(() => scoreCounts([1], [1, 2]), { code: 'INVALID_ARGUMENT', message: /2 true.* got 1/ })
  t.equal(scoreCounts([], []), null)
})

t.test('a number word after other words, and the word none', async t => {
  t.equal(readCount('I can see Eleven...'), 11)
  t.equal(readCount('There are none of them here'), 0)
  t.equal(readCount('nonetheless'), null)
  t.equal(readCount('seven', 'molmo2-video'), null)
  t.equal(readCount('The total number of dogs in the park is: 14.', 'molmo2-video'), 14)
})
