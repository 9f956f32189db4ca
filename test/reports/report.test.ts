import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { openDataset } from '../../lib/datasets/open.js'
import { Problems } from '../../lib/datasets/problems.js'
import { evaluateDataset } from '../../lib/evaluate/run.js'
import { escapeHtml, lineChart } from '../../lib/reports/charts.js'
import { renderReport } from '../../lib/reports/html-report.js'
import { summarize } from '../../lib/reports/summary.js'
import { drawMistakes, MISTAKES, worstFrames } from '../../lib/reports/worst-frames.js'
import { noBrowser, openBrowser } from '../support/browser.js'
import { drawMiniDatasets } from '../support/mini-datasets.js'

const mevis = join(await drawMiniDatasets(t.testdir()), 'mevis')

async function writeReport(t: Test): Promise<string> {
  const output = t.testdir()
  const problems = new Problems(true)
  const dataset = await openDataset('mevis', mevis, { problems })
  const settings = { pred: 'results <of> mine' }
  const evaluation = await evaluateDataset(dataset, problems, {
    output,
    settings,
    results: join(mevis, 'results'),
    jobs: 2,
  })
  const summary = summarize(evaluation)
  const worst = await worstFrames(evaluation, 4)
  const path = join(output, 'report.html')
  writeFileSync(path, renderReport(evaluation, summary, worst, settings))
  return path
}

t.test('the report stands alone and says what was scored', async t => {
  const html = readFileSync(await writeReport(t), 'utf8')
  t.notMatch(html, /(?:src|href)="(?!data:)/, 'nothing is loaded from elsewhere')
  t.notMatch(html, /url\(|@import|<link/)
  t.match(html, /<b>48\.6<\/b><span class="soft">J&amp;F/, 'J&F of the reference: 0.4860')
  t.match(html, /results &lt;of&gt; mine/)
  t.match(html, /<tr class="own"><td>this run<\/td><td>51\.7<\/td><td>45\.5<\/td><td>48\.6/)
  t.match(html, /<tr><td>VideoMolmo<\/td><td>51\.2<\/td><td>56\.6<\/td><td>53\.9/)
  t.equal(html.match(/<tr><td data-value=/g)?.length, 3, 'one row per sequence')
  t.equal(html.match(/src="data:image\/webp;base64,/g)?.length, 4, 'the worst frames')
  t.match(html, /missing: .*aa00bb11cc22\/0: no results for the sentence/)
})

t.test('the report as a browser shows it', { skip: noBrowser }, async t => {
  const path = await writeReport(t)
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } })
  const errors: string[] = []
  page.on('pageerror', error => errors.push(error.message))
  page.on('request', request => {
    if (!/^(file|data):/.test(request.url())) errors.push(request.url())
  })
  await page.goto(pathToFileURL(path).href)
  const pictures = await page.$$eval('.worst img', list =>
    list.map(image => (image as unknown as { naturalWidth: number }).naturalWidth),
  )
  t.equal(pictures.length, 4)
  t.ok(
    pictures.every(width => width > 0),
    'pictures decode',
  )
  const charts = await page.$$eval('.chart svg polyline', list =>
    list.map(line => (line as unknown as { getBBox(): { width: number } }).getBBox().width),
  )
  t.equal(charts.length, 5, 'three curves and two')
  t.ok(
    charts.every(width => width > 200),
    'curves go across their charts',
  )
  const overflow = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
  t.notOk(overflow, 'nothing sticks out to the side')
  const first = () => page.$eval('#sequences tbody tr summary', cell => cell.textContent)
  await page.click('#sequences th:nth-child(3)')
  const best = await first()
  await page.click('#sequences th:nth-child(3)')
  t.same([best, await first()], ['0a1b2c3d4e5f', 'aa00bb11cc22'], 'a click sorts the rows')
  await page.setViewportSize({ width: 500, height: 900 })
  const narrow = await page.$eval('.tiles', tiles => tiles.getBoundingClientRect().right)
  t.ok(narrow <= 500)
  t.same(errors, [])
})

t.test('mistakes have their colours', async t => {
  const image = { data: new Uint8Array(12).fill(100), width: 4, height: 1 }
  const drawn = drawMistakes(image, Uint8Array.of(1, 1, 0, 255), Uint8Array.of(1, 0, 1, 1))
  const pixel = (at: number) => [...drawn.subarray(at * 3, at * 3 + 3)]
  const tint = (color: readonly number[]) => color.map(c => Math.round(40 + 0.6 * c))
  t.same(pixel(0), tint(MISTAKES.right))
  t.same(pixel(1), tint(MISTAKES.missed))
  t.same(pixel(2), tint(MISTAKES.wrong))
  t.same(pixel(3), [95, 95, 95], 'void is background')
})

t.test('charts place their points and escape their texts', async t => {
  const chart = lineChart({
    title: '<b>',
    xLabel: 'x & y',
    yLabel: '"y"',
    series: [
      {
        name: 'a',
        color: '#000',
        points: [
          [0, 0],
          [10, 1],
        ],
      },
    ],
  })
  t.match(chart, 'points="46,210 446,14"')
  t.match(chart, '&lt;b&gt;')
  t.notMatch(chart, '<b>')
  t.equal(lineChart({ title: '', xLabel: '', yLabel: '', series: [] }), '')
  t.equal(escapeHtml(`<&>"'`), '&lt;&amp;&gt;&quot;&#39;')
})
