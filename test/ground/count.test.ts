import t from 'tap'
import { combineCounts } from '../../lib/ground/count.js'

t.test('counts of frames become one', async t => {
  t.equal(combineCounts([2, 3, 3, 1], 'mode'), 3)
  t.equal(combineCounts([2, 2, 5, 5, 1], 'mode'), 5, 'the larger on a tie')
  t.equal(combineCounts([0, 10, 9], 'max'), 10)
  t.equal(combineCounts([0, 10, 9], 'median'), 9)
  t.equal(combineCounts([4, 0, 9], 'first'), 4)
})
