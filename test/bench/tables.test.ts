import t from 'tap'
import { kernelTable, modelTable } from '../../bench/cuda/tables.js'

t.test('a kernel beside its limits', async t => {
  const row = {
    name: 'copy',
    medianUs: 20,
    lowUs: 19.5,
    highUs: 21,
    bytes: 4e7,
    flops: 0,
    floorUs: 10,
    bound: 'memory' as const,
    error: 1.5e-6,
  }
  const lines = kernelTable([row, { ...row, name: 'product', flops: 6e9, bound: 'arithmetic' }])
  t.match(lines.split('\n')[2], '| copy | 20.0 | 19.5 .. 21.0 | 2000 |  | 50 % (memory) | 1.5e-6 |')
  t.match(lines.split('\n')[3], '| 2000 | 300 | 50 % (arithmetic) |')
})

t.test('a model beside PyTorch, where there is a figure', async t => {
  const rows = [
    { name: 'vit', medianMs: 2 },
    { name: 'decode', medianMs: 4 },
  ]
  const lines = modelTable(rows, new Map([['vit', 7]])).split('\n')
  t.equal(lines[2], '| vit | 2.00 | 7.00 | 3.50 |')
  t.equal(lines[3], '| decode | 4.00 |  |  |')
})
