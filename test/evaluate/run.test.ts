import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Sequence } from '../../lib/datasets/dataset.js'
import { openDataset } from '../../lib/datasets/open.js'
import { Problems } from '../../lib/datasets/problems.js'
import { resultParts, writeResult } from '../../lib/datasets/results.js'
import { eachOf } from '../../lib/evaluate/each.js'
import { type EvaluateOptions, evaluateDataset } from '../../lib/evaluate/run.js'
import { unionOfObjects } from '../../lib/evaluate/score-sequence.js'
import { toCsv, toMarkdown, toText } from '../../lib/formats/table.js'
import { comparisons, comparisonTable } from '../../lib/reports/comparison.js'
import { davisTables, describeEvaluation } from '../../lib/reports/eval-tables.js'
import { paperResults } from '../../lib/reports/paper.js'
import { summarize } from '../../lib/reports/summary.js'
import { worstFrames } from '../../lib/reports/worst-frames.js'
import { putDrawn, putPictures, putRefDavis, putVpos } from '../support/datasets.js'
import { readFixture } from '../support/fixtures.js'
import { drawMiniDatasets } from '../support/mini-datasets.js'

const mini = await drawMiniDatasets(t.testdir())

t.test('a folder of results is scored in threads, and again only where it changed', async t => {
  const output = t.testdir()
  const results = join(output, 'results')
  cpSync(join(mini, 'mevis/results'), results, { recursive: true })
  const run = async (options: Partial<EvaluateOptions> = {}, lenient = true) => {
    const problems = new Problems(lenient)
    const dataset = await openDataset('mevis', join(mini, 'mevis'), { problems })
    const common = { output: join(output, 'run'), settings: { k: 1 }, results, jobs: 2 }
    return evaluateDataset(dataset, problems, { ...common, ...options })
  }
  const progress: number[] = []
  const first = await run({ onProgress: ({ framesDone }) => progress.push(framesDone) })
  t.same(progress.at(-1), 24, '6 sentences of 4 frames')
  const expected = readFixture<{ mevis: { J: number; F: number; JF: number } }>(
    'metrics/mini/expected.json',
  ).mevis
  const summary = summarize(first)
  t.ok(Math.abs(summary.j.mean! - expected.J) < 1e-9)
  t.ok(Math.abs(summary.f.mean! - expected.F) < 1e-9)
  t.ok(Math.abs(summary.jf! - expected.JF) < 1e-9)
  t.same([summary.items, summary.expected, first.resumed], [6, 6, 0])
  const again = await run()
  t.equal(again.resumed, 3)
  t.same(again.records, first.records)
  const touched = join(results, '6f7e8d9c0b1a/0/00000.png')
  utimesSync(touched, new Date(), new Date(Date.now() + 5000))
  t.equal((await run()).resumed, 2, 'a changed file is scored again')
  t.equal((await run({ restart: true })).resumed, 0)
  await t.rejects(run({ settings: { k: 2 } }), {
    code: 'INVALID_ARGUMENT',
    message: /other settings \(k was 1, now 2\)/,
  })
  await t.rejects(run({}, false), { code: 'DATASET_INVALID', path: /aa00bb11cc22/ })
  await t.rejects(run({ results: join(output, 'nowhere') }), {
    code: 'DATASET_INVALID',
    fault: 'missing',
  })
  t.equal((await run({ only: ['6f7e8d9c0b1a'] })).records.length, 1)
})

/** Results that equal the truth, as a stand-in for models. */
function perfect(dataset: Parameters<typeof resultParts>[0], fail?: string) {
  return async (sequence: Sequence, root: string, onFrame: () => void) => {
    for (const part of resultParts(dataset, sequence)) {
      for (const frame of part.frames) {
        const mask = unionOfObjects(await sequence.objects!(part.expression!, frame))
        await writeResult(root, part, frame, mask)
        onFrame()
      }
      if (sequence.id === fail) throw new Error('the machine fell over')
    }
    return { frames: 20, seconds: 2, stages: {} }
  }
}

t.test('models run, a failure keeps what is finished, and a second run goes on', async t => {
  const root = t.testdir()
  for (const name of ['a', 'b', 'c']) await putDrawn(join(root, 'set', name))
  const dataset = await openDataset('drawn', join(root, 'set'))
  const options = { output: join(root, 'run'), settings: {}, jobs: 1 }
  const predict = perfect(dataset, 'b')
  await t.rejects(
    evaluateDataset(dataset, new Problems(), { ...options, predict }),
    /the machine fell over/,
  )
  const kept = readdirSync(join(root, 'run/sequences'))
  t.equal(kept.length, 1)
  t.match(kept[0], /^a-/)
  const done = await evaluateDataset(dataset, new Problems(), {
    ...options,
    predict: perfect(dataset),
  })
  t.equal(done.resumed, 1)
  const summary = summarize(done)
  t.same([summary.jf, summary.items, summary.expected], [1, 12, 12])
  t.same(summary.time, { frames: 60, seconds: 6 })
  t.same(
    summary.kinds.map(({ name, items }) => [name, items]),
    [
      ['color', 3],
      ['plural', 3],
      ['motion', 3],
      ['absent', 3],
    ],
  )
  t.match(describeEvaluation(done, summary), /3 of 3 sequences \(1 by an earlier run\), 12 of 12/)
})

t.test('lenient: a sequence that cannot be read is left out', async t => {
  const root = t.testdir()
  for (const name of ['a', 'b']) await putDrawn(join(root, 'set', name))
  const problems = new Problems(true)
  const dataset = await openDataset('drawn', join(root, 'set'), { problems })
  const { predictSequence } = await import('../../lib/evaluate/predict.js')
  const { FakeModels } = await import('../support/fake-models.js')
  rmSync(join(root, 'set/a/frames/00010.png'))
  writeFileSync(join(root, 'set/b/frames/00005.png'), 'no picture')
  const models = new FakeModels({ answer: () => [{ x: 5, y: 5 }] })
  const subject = { models, previousFrames: 4 }
  const options = { output: join(root, 'run'), settings: {}, jobs: 1 }
  const predict = (sequence: Sequence, results: string) =>
    predictSequence(subject, dataset, sequence, results, {})
  const evaluation = await evaluateDataset(dataset, problems, { ...options, predict })
  t.same(evaluation.failed, ['a', 'b'])
  t.match(evaluation.problems, [
    { fault: 'missing', path: join(root, 'set/a/frames/00010.png') },
    { fault: 'corrupt', detail: /b\/frames\/00005\.png/ },
  ])
  t.same(readdirSync(join(root, 'run/sequences')), [])
})

t.test('the models find the boxes through the whole way', async t => {
  const root = t.testdir()
  await putDrawn(join(root, 'set/a'))
  const dataset = await openDataset('drawn', join(root, 'set'))
  const { predictSequence } = await import('../../lib/evaluate/predict.js')
  const { FakeModels } = await import('../support/fake-models.js')
  const { scene } = await import('../support/datasets.js')
  const { center } = await import('../support/scene.js')
  const models = new FakeModels({
    answer: (frame, query) => {
      if (/green/.test(query)) return []
      const [red, blue] = scene.objects.map(object => center(object, frame))
      if (/all/.test(query)) return [red!, blue!]
      return /red/.test(query) ? [red!] : [blue!]
    },
  })
  const subject = { models, previousFrames: 4 }
  const evaluation = await evaluateDataset(dataset, new Problems(), {
    output: join(root, 'run'),
    settings: {},
    jobs: 1,
    predict: (sequence, results, onFrame) =>
      predictSequence(subject, dataset, sequence, results, { keyframeEvery: 2, onFrame }),
  })
  t.equal(summarize(evaluation).jf, 1)
  t.ok(existsSync(join(root, 'run/predictions/a/1/00020.png')))
  t.equal(evaluation.records[0]!.time!.frames, 20)
})

t.test('Ref-DAVIS17: sentences are merged per annotation, scored by objects and drawn', async t => {
  const root = t.testdir()
  await putRefDavis(join(root, 'set'))
  const dataset = await openDataset('ref-davis17', join(root, 'set'))
  const { predictSequence } = await import('../../lib/evaluate/predict.js')
  const { FakeModels } = await import('../support/fake-models.js')
  const { scene } = await import('../support/datasets.js')
  const { center } = await import('../support/scene.js')
  // JPEG spoils flat colours, by which the models see; what a picture is, its bytes say.
  await putPictures(join(root, 'flat'), 'png')
  for (const name of readdirSync(join(root, 'flat'))) {
    const jpg = name.replace('.png', '.jpg')
    cpSync(join(root, 'flat', name), join(root, 'set/valid/JPEGImages/boxes', jpg))
  }
  const models = new FakeModels({
    answer: (frame, query) => {
      // The third annotator names the wrong box for red.
      const blue = /blue/.test(query) || query === 'the red box, 3'
      return [center(scene.objects[blue ? 1 : 0]!, frame)]
    },
  })
  const subject = { models, previousFrames: 4 }
  const evaluation = await evaluateDataset(dataset, new Problems(), {
    output: join(root, 'run'),
    settings: {},
    jobs: 1,
    predict: (sequence, results, onFrame) =>
      predictSequence(subject, dataset, sequence, results, { onFrame }),
  })
  const items = evaluation.records[0]!.items.map(({ id, j }) => [id, j[2]])
  t.same(items.slice(0, 6), [
    ['anno_0/1', 1],
    ['anno_0/2', 1],
    ['anno_1/1', 1],
    ['anno_1/2', 1],
    ['anno_2/1', 1],
    ['anno_2/2', 1],
  ])
  // Both sentences name the blue box, the first of them wins its pixels, and nobody has the red one.
  t.same(
    items
      .slice(6)
      .map(([, j]) => j)
      .sort(),
    [0, 1],
  )
  t.equal(evaluation.records[0]!.time!.frames, 40, '8 sentences of 5 frames')
  const worst = await worstFrames(evaluation, 3)
  t.equal(worst.length, 1, 'frames without a mistake are not shown')
  t.match(worst[0], { sequence: 'boxes', item: /^anno_3/, j: 0, picture: /^data:image\/webp/ })
  t.match(describeEvaluation(evaluation, summarize(evaluation)), /8 objects scored/)
})

t.test('subsets stand beside the paper rows of their own', async t => {
  const root = t.testdir()
  await putVpos(join(root, 'set'))
  const dataset = await openDataset('vpos-bench', join(root, 'set'))
  const evaluation = await evaluateDataset(dataset, new Problems(), {
    output: join(root, 'run'),
    settings: {},
    jobs: 1,
    predict: perfect(dataset),
  })
  const compared = comparisons(evaluation, summarize(evaluation))
  t.same(
    compared.map(({ benchmark }) => benchmark),
    ['VPoS-Bench/Cells', 'VPoS-Bench/Robotics'],
  )
  t.same(comparisonTable(compared[0]!), {
    head: ['VPoS-Bench/Cells (paper, table 1)', 'J', 'F', 'J&F'],
    rows: [
      ['this run', '100.0', '100.0', '100.0'],
      ['VideoMolmo', '25.4', '13.1', '19.2'],
      ['Molmo+SAM2', '20.8', '7.6', '14.2'],
      ['VideoLISA', '18.9', '3.3', '11.1'],
      ['VideoGLaMM', '11.8', '7.8', '9.8'],
    ],
  })
})

t.test('rows of the paper', async t => {
  const rows = paperResults('Refer-DAVIS-17')
  t.match(
    rows.find(({ model }) => model === 'VideoMolmo'),
    { table: 2, j: 71.3, f: 73.6, jf: 72.5, swapped: false },
  )
  t.equal(rows.find(({ model }) => model === 'VideoLISA')?.swapped, true)
  t.same(paperResults('COCO'), [])
})

t.test('DAVIS tables', async t => {
  const dataset = await openDataset('davis17', join(mini, 'refdavis'))
  const output = t.testdir()
  const evaluation = await evaluateDataset(dataset, new Problems(), {
    output,
    settings: {},
    results: join(mini, 'refdavis/results/anno_0'),
    jobs: 1,
  })
  const [global, each] = davisTables(evaluation, summarize(evaluation))
  t.equal(
    toCsv(global),
    'J&F-Mean,J-Mean,J-Recall,J-Decay,F-Mean,F-Recall,F-Decay\n0.532,0.577,0.750,0.051,0.486,0.450,0.204\n',
  )
  t.match(toCsv(each), /^Sequence,J-Mean,F-Mean\nalpha_1,0\.757,0\.563\nalpha_2,0\.749,0\.476\n/)
  t.equal(readFileSync(join(output, 'run.json'), 'utf8'), '{}\n')
})

t.test('tables in three forms', async t => {
  const table = {
    head: ['name', 'J'],
    rows: [
      ['a, "b"', '1.0'],
      ['c', '-'],
    ],
  }
  t.equal(toMarkdown({ head: ['a|b'], rows: [] }), '| a\\|b |\n| --- |')
  t.equal(toMarkdown(table), '| name | J |\n| --- | ---: |\n| a, "b" | 1.0 |\n| c | - |')
  t.equal(toText(table), 'name      J\n------  ---\na, "b"  1.0\nc         -')
  t.equal(toCsv(table), 'name,J\n"a, ""b""",1.0\nc,-\n')
})

t.test('work goes on side by side, and a failure stops what has not begun', async t => {
  let [running, most] = [0, 0]
  const done: number[] = []
  await eachOf([1, 2, 3, 4, 5], 2, async item => {
    most = Math.max(most, ++running)
    await new Promise(resolve => setImmediate(resolve))
    running--
    done.push(item)
  })
  t.same([most, done.sort()], [2, [1, 2, 3, 4, 5]])
  const begun: number[] = []
  await t.rejects(
    eachOf([1, 2, 3, 4], 2, async item => {
      begun.push(item)
      if (item === 1) throw new Error('one')
      await new Promise(resolve => setImmediate(resolve))
    }),
    /one/,
  )
  t.same(begun, [1, 2])
})
