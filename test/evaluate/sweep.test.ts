import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { openDataset } from '../../lib/datasets/open.js'
import { runSweep, type SweepOptions } from '../../lib/evaluate/sweep.js'
import {
  PAPER_SWEEP,
  SWEEP_TABLES,
  sweepTables,
  type Variant,
} from '../../lib/evaluate/sweep-tables.js'
import { defaultSetting } from '../../lib/evaluate/trial.js'
import type { Tracking } from '../../lib/ground/clip-segmenter.js'
import { nativeMaskWork } from '../../lib/ground/mask-work.js'
import type { ClickPlan } from '../../lib/ground/more-clicks.js'
import { sweepCsv, sweepHtml, sweepMarkdown, sweepResults } from '../../lib/reports/sweep-report.js'
import { noBrowser, openBrowser } from '../support/browser.js'
import { drawnQueries, putDrawn, scene } from '../support/datasets.js'
import { FakeModels } from '../support/fake-models.js'
import { center } from '../support/scene.js'

/** Clears every other column of a mask. */
const striped = (mask: Uint8Array) => mask.map((value, at) => (at % 2 ? 0 : value))

/** Everything a sweep asked its models for. */
interface Log {
  loaded: string[]
  followed: [Tracking, ClickPlan][]
  disposed: number
  models: FakeModels[]
}

/** Models whose backward masks lose half of their pixels, so that fusion matters. */
function models(log: Log) {
  return async (variant: Variant) => {
    log.loaded.push(variant.name)
    const fake = new FakeModels({
      answer: (frame, query) => {
        const [red, blue] = scene.objects.map(object => center(object, frame))
        if (/green/.test(query)) return []
        if (/all/.test(query)) return [red!, blue!]
        return /red/.test(query) ? [red!] : [blue!]
      },
      distort: (mask, { reverse }) => (reverse ? striped(mask) : mask),
    })
    fake.masks = nativeMaskWork
    log.models.push(fake)
    return {
      models: fake,
      previousFrames: 4,
      follow: (tracking: Tracking, clicks: ClickPlan) => {
        log.followed.push([tracking, clicks])
        return fake.segmenter
      },
      [Symbol.asyncDispose]: async () => {
        log.disposed++
      },
    }
  }
}

const newLog = (): Log => ({ loaded: [], followed: [], disposed: 0, models: [] })

async function sweepOver(t: Test, ids: string[], change: Partial<SweepOptions> = {}) {
  const root = change.output ?? t.testdir()
  const log = newLog()
  for (const name of ['a', 'b']) await putDrawn(join(root, 'set', name), drawnQueries.slice(0, 2))
  const dataset = await openDataset('drawn', join(root, 'set'))
  const sweep = await runSweep(dataset, {
    tables: sweepTables(ids, 4, { keyframeEvery: 4 }),
    load: models(log),
    output: join(root, 'run'),
    settings: { tables: ids.join(',') },
    timed: 1,
    ...change,
    ...(change.output ? { output: join(root, 'run') } : {}),
  })
  return { sweep, log, root, dataset }
}

t.test('the strategies of table 5 have the scores that they must have', async t => {
  const { sweep, log } = await sweepOver(t, ['5'])
  const [{ rows, source, metrics }] = sweepResults(sweep) as [ReturnType<typeof sweepResults>[0]]
  t.same(metrics, ['J', 'F', 'J&F'])
  t.match(source, { model: 'VideoMolmo', benchmark: 'Refer-DAVIS-17' })
  const of = (label: string) => rows.find(row => row.label === label)!
  t.equal(of('prefer left').own!.J, 1, 'forward masks are whole')
  t.equal(of('larger mask').own!.J, 1)
  t.equal(of('bidirectional').own!.J, 1, 'IoU 0.5 is below tau, so both are united')
  t.ok(of('smaller mask').own!.J! < 0.9, 'backward masks are not')
  t.equal(of('intersection').own!.J, of('smaller mask').own!.J)
  t.same(of('prefer left').paper, { J: 0.6731, F: 0.7338, 'J&F': 0.7034 })
  t.same(log.loaded, ['as loaded'])
  t.equal(log.disposed, 1)
  const [fake] = log.models
  t.equal(fake!.encodedImages, 10, 'every frame is encoded once for all settings')
  t.equal(fake!.liveFeatures, 0)
  t.equal(sweep.scores.get('5/bidirectional')!.length, 4, '2 clips of 2 sentences')
})

t.test('all tables of the paper come out, as Markdown, CSV and HTML', async t => {
  const { sweep, log, root } = await sweepOver(t, PAPER_SWEEP)
  t.same(PAPER_SWEEP, ['5', '6', '8', '9', '10', '13', '14', '15', '19', '20'])
  for (const { table, rows } of sweepResults(sweep)) {
    const expected = table.rows.map(({ label }) => label)
    t.same(
      rows.filter(({ own }) => own !== null).map(({ label }) => label),
      expected,
      `table ${table.id}`,
    )
    for (const { own, label } of rows) {
      for (const value of Object.values(own ?? {})) {
        t.ok(value >= 0 && Number.isFinite(value), `table ${table.id}, ${label}`)
      }
    }
  }
  const asked = log.followed.map(([tracking, { points, negative }]) =>
    [tracking, points, negative].join(' '),
  )
  t.same([...new Set(asked)].sort(), [
    'memory 1 true',
    'memory 2 false',
    'memory 3 false',
    'memory 4 false',
    'per-frame 1 false',
  ])
  const markdown = sweepMarkdown(sweep)
  t.match(markdown, /^drawn clips eval: 2 sequences, 4 sentences; means over sentences\./)
  t.match(markdown, /### Threshold of the fusion \(table 9\)\n\n.*VideoMolmo on Refer-DAVIS-17/)
  t.match(markdown, /\| tau \| J \| F \| J&F \| paper J \| paper F \| paper J&F \|/)
  t.match(markdown, /\| concatenation \| - \| - \| - \| - \| 65\.34 \| 72\.06 \| 68\.71 \|/)
  t.match(markdown, /\| prefer left \| 100\.00 \| 100\.00 \| 100\.00 \| 67\.31/)
  t.match(
    markdown,
    /### Time per stage \(table 19\)\n\nFigures in seconds per frame, on .+ cores, load average/,
  )
  const csv = sweepCsv(sweep)
  t.match(csv, /^table,setting,metric,value,paper,paper benchmark\n/)
  t.match(csv, '\n10,k=20,J&F,100.00,68.14,Refer-YouTube-VOS\n')
  t.match(csv, /\n15,segmenter=MobileSAM,J&F,,62\.30,Refer-DAVIS-17\n/)
  t.match(csv, /\n19,k=4,pointing,\d+\.\d{3},0\.74,inference\n/)
  const html = sweepHtml(sweep, { root: '<here>' })
  t.notMatch(html, /(?:src|href)="(?!data:)/)
  t.match(html, 'root: &lt;here&gt;')
  t.equal(html.match(/<h2>/g)?.length, PAPER_SWEEP.length)
  await t.test('in a browser', { skip: noBrowser }, async t => {
    const path = join(root, 'sweep.html')
    writeFileSync(path, html)
    const browser = await openBrowser()
    t.teardown(() => browser.close())
    for (const width of [1200, 480]) {
      const page = await browser.newPage({ viewport: { width, height: 900 } })
      await page.goto(pathToFileURL(path).href)
      t.equal(await page.locator('.chart svg').count(), PAPER_SWEEP.length)
      const overflow = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
      t.notOk(overflow, `nothing sticks out at ${width} pixels`)
      const outside =
        await page.evaluate(`[...document.querySelectorAll('.chart svg')].filter(svg => {
        const frame = svg.getBoundingClientRect()
        return [...svg.querySelectorAll('text')].some(text => {
          const box = text.getBoundingClientRect()
          return box.right > frame.right + 1 || box.bottom > frame.bottom + 1 || box.left < frame.left - 1
        })
      }).length`)
      t.equal(outside, 0, 'labels lie inside their charts')
    }
  })
})

t.test('a second sweep goes on where the first was stopped', async t => {
  const root = t.testdir()
  const stop = new AbortController()
  const first = sweepOver(t, ['9'], {
    output: root,
    signal: stop.signal,
    onProgress: ({ framesDone }) => {
      if (framesDone === 2) stop.abort()
    },
  })
  await t.rejects(first, { code: 'ABORTED' })
  t.equal(readdirSync(join(root, 'run/sequences')).length, 1)
  const { sweep, log } = await sweepOver(t, ['9'], { output: root })
  t.equal(log.models[0]!.encodedImages, 5, 'only the second clip is done')
  t.equal(sweep.scores.get('9/0.7')!.length, 4)
  const again = await sweepOver(t, ['9'], { output: root })
  t.same(again.log.loaded, [], 'nothing is loaded when nothing is to do')
  t.same([...again.sweep.scores], [...sweep.scores])
  await t.rejects(sweepOver(t, ['10'], { output: root }), { code: 'INVALID_ARGUMENT' })
})

t.test('other dtypes and segmenters are loaded one after the other', async t => {
  const tables = sweepTables(['dtype', '15'], 4, {
    dtypes: ['fp32', 'int8'],
    segmenters: ['models/other'],
  })
  const { log, sweep } = await sweepOver(t, [], { tables, sentences: 1, only: ['a'] })
  t.same(log.loaded, ['dtype fp32', 'dtype int8', 'as loaded', 'segmenter models/other'])
  t.equal(log.disposed, 4)
  t.same([sweep.sequences, sweep.sentences], [1, 1])
  t.ok(sweepResults(sweep)[0]!.rows.every(({ own }) => own!.F1! > 0.999))
})

t.test('values of the axes', async t => {
  const labels = (id: string, choices = {}) =>
    sweepTables([id], 4, choices)[0]!.rows.map(({ label }) => label)
  t.same(labels('8'), ['1', '3', '10', '30', '|T|'])
  t.same(labels('10', { k: [2, 4] }), ['2', '4'])
  t.same(labels('9', { tau: [0.1] }), ['0.1'])
  t.same(labels('6', { context: [0, 2] }), ['l = 0', 'l = 2'])
  t.same(labels('13', { points: [5] }), ['5'])
  const [eight] = sweepTables(['8'], 4, {})
  t.match(eight!.rows[0]!.setting, {
    ...defaultSetting(4),
    keyframeEvery: 1,
    contextFrames: 0,
    strategy: 'prefer-left',
  })
  t.throws(() => sweepTables(['7'], 4, {}), {
    code: 'INVALID_ARGUMENT',
    message: `table must be one of ${SWEEP_TABLES.join(', ')}, got "7"`,
  })
})
