import t from 'tap'
import { parseLines, type Row, spread, type TimeRow } from '../../bench/cuda/results.js'
import { kernelTable, modelTable, report } from '../../bench/cuda/tables.js'
import { type Verdict, verdicts } from '../../bench/cuda/targets.js'

const time = (
  by: TimeRow['by'],
  name: string,
  median: number,
  more: Partial<TimeRow> = {},
): TimeRow => ({
  ...{ kind: 'time', by, name, dtype: 'bf16', median, low: median - 1, high: median + 1 },
  rounds: 5,
  ...more,
})

const window = {
  kind: 'kernel' as const,
  name: 'window attention: pooling',
  medianUs: 20,
  lowUs: 19.5,
  highUs: 21,
  bytes: 4e7,
  flops: 0,
  floorUs: 10,
  bound: 'memory' as const,
  error: 1.5e-6,
}

t.test('quartiles lie between repetitions', async t => {
  t.same(spread([4, 1, 2, 3]), { median: 2.5, low: 1.75, high: 3.25, rounds: 4 })
  t.same(spread([7]), { median: 7, low: 7, high: 7, rounds: 1 })
})

t.test('a kernel beside its limits', async t => {
  const lines = kernelTable([window, { ...window, flops: 6e9, bound: 'arithmetic' }]).split('\n')
  t.match(lines[2], '| 20.0 | 19.5 .. 21.0 | 2000 |  | 50 % (memory) | 1.5e-6 |')
  t.match(lines[3], '| 2000 | 300 | 50 % (arithmetic) |')
})

t.test('a model beside PyTorch, where there is a figure', async t => {
  const rows = [
    time('videomolmo', 'a frame', 2, { peers: ['a frame, eager', 'a frame, compiled'] }),
    time('videomolmo', 'a step', 4, { bytes: 14e9 }),
    time('videomolmo', 'a clip', 500, { frames: 20 }),
  ]
  const eager = time('pytorch', 'a frame, eager', 7)
  const lines = modelTable(rows, new Map([[eager.name, eager]]), 4000).split('\n')
  t.equal(lines[2], '| a frame | bf16 | 2.00 | 1.00 .. 3.00 | eager: 7.00 (3.50) |  |')
  t.equal(
    lines[3],
    '| a step | bf16 | 4.00 | 3.00 .. 5.00 |  | 14.00 GB of weights, 88 % of the bandwidth |',
  )
  t.match(lines[4], /\| 40\.0 frames\/s \|$/)
})

const found = (rows: readonly Row[], goal: RegExp): Verdict[] =>
  verdicts(rows).filter(verdict => goal.test(verdict.goal))

t.test('goals that nothing was measured for are open, one by one', async t => {
  const all = verdicts([])
  t.ok(all.length >= 12)
  for (const { goal, passed } of all) t.equal(passed, undefined, goal)
})

t.test(
  'a frame through the pointer against PyTorch that encodes its predecessors again',
  async t => {
    const peer = time('pytorch', 'total, frames encoded again', 1000)
    const rows = [
      peer,
      time('videomolmo', 'total, one frame', 200),
      time('videomolmo', 'total, a keyframe of 8 together', 201),
      time('videomolmo', 'total, one frame', 1, { dtype: 'int4' }),
    ]
    t.match(found(rows, /^one frame, bf16/), [{ reached: '5.00x', passed: true }])
    t.match(found(rows, /^a keyframe of 8/), [{ passed: false }])
    t.match(found(rows, /draft right/), [{ passed: undefined }])
  },
)

t.test('a decoding step and the window attention against the measured bandwidth', async t => {
  const step = (dtype: string, bytes: number) =>
    time('videomolmo', 'a step of 1 sequence', 4, { dtype, bytes })
  const limits = { kind: 'limits' as const, gigabytesPerSecond: 4000, teraflops: 700 }
  const rows: Row[] = [limits, step('bf16', 13.6e9), step('int4', 11.1e9), window]
  t.match(found(rows, /step, bf16/), [{ target: '>= 0.85', reached: '0.85', passed: true }])
  t.match(found(rows, /step, int4/), [{ reached: '0.69', passed: false }])
  t.match(found(rows, /window/), [{ reached: '0.50', passed: false }])
  t.match(found(rows.slice(1), /step, bf16/), [{ passed: undefined }])
})

t.test('SAM 2 against eager and compiled PyTorch, and by the number of objects', async t => {
  const large = 'SAM 2.1 large'
  const rows = [
    time('videomolmo', `${large}, 1 object, a frame`, 10),
    time('videomolmo', `${large}, 16 objects, a frame`, 20.5),
    time('pytorch', `${large}, 1 object, eager`, 25),
    time('pytorch', `${large}, 1 object, compiled`, 11),
  ]
  t.match(found(rows, /eager/), [{ reached: '2.50x', passed: true }])
  t.match(found(rows, /compiled/), [{ reached: '1.10x', passed: false }])
  t.match(found(rows, /large, 16 objects/), [{ target: '<= 2x', reached: '2.05x', passed: false }])
})

t.test('one page of all pieces: goals, failed checks, the commands', async t => {
  const run = {
    kind: 'run' as const,
    command: 'npm run bench -- cuda memory',
    date: '2026-01-02',
    revision: 'abc',
    device: 'a device',
    driver: 'driver',
    cublasLt: 'none',
    host: 'host',
    state: ['before: 345 MHz'],
  }
  const check = {
    kind: 'check' as const,
    name: 'memory of both models over 9 frames is flat',
    dtype: 'bf16',
    passed: false,
    detail: '1 MiB, then 2 MiB',
  }
  const page = report(
    new Map([['memory-bf16', parseLines(`${JSON.stringify(run)}\n\n${JSON.stringify(check)}\n`)]]),
  )
  t.match(page, '- memory-bf16: `npm run bench -- cuda memory`, 2026-01-02, revision abc')
  t.match(
    page,
    '| memory of both models over 9 frames is flat | flat | 1 MiB, then 2 MiB | MISSED |',
  )
  t.match(page, '0 of 1 checks passed.\n- FAILED: memory of both')
})
