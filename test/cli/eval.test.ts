import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run, start } from '../support/cli.js'
import { drawnQueries, putDavis, putDrawn } from '../support/datasets.js'
import { drawMiniDatasets } from '../support/mini-datasets.js'
import { zipNames } from '../support/zip.js'

const mini = await drawMiniDatasets(t.testdir())

const records = (folder: string) =>
  existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.json')) : []

/** Everything but the times. */
function scoresOf(stdout: string) {
  const { time: _, resumed: __, results: ___, ...scores } = JSON.parse(stdout)
  return scores
}

t.test('killed in the middle, a run goes on where it was', async t => {
  const root = t.testdir()
  for (const name of ['a', 'b', 'c', 'd']) {
    await putDrawn(join(root, 'set', name), drawnQueries.slice(0, 2))
  }
  const args = (output: string) => [
    ...['eval', 'drawn', '--root', join(root, 'set'), '--threads', '1', '--jobs', '1', '--json'],
    ...['-k', '2', '-o', join(root, output)],
  ]
  const { child, finished } = start(...args('killed'))
  const folder = join(root, 'killed/sequences')
  while (records(folder).length === 0 && child.exitCode === null) {
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  child.kill('SIGKILL')
  t.equal((await finished).code, null, 'the run was killed')
  const before = records(folder)
  t.ok(before.length >= 1 && before.length < 4, `${before.length} of 4 were finished`)
  const state = (name: string) => {
    const { mtimeMs, ino } = statSync(join(folder, name))
    return { mtimeMs, ino, text: readFileSync(join(folder, name), 'utf8') }
  }
  const states = before.map(state)
  for (const { text } of states) t.ok(JSON.parse(text).items.length === 2)
  const second = await run(...args('killed'))
  t.equal(second.code, 0, second.stderr)
  t.equal(JSON.parse(second.stdout).resumed, before.length)
  t.same(before.map(state), states, 'finished sequences are not done again')
  const whole = await run(...args('whole'))
  t.equal(whole.code, 0, whole.stderr)
  t.same(scoresOf(second.stdout), scoresOf(whole.stdout), 'the result is that of one whole run')
  const files = (output: string) =>
    readdirSync(join(root, output, 'predictions'), { recursive: true, encoding: 'utf8' }).sort()
  t.same(files('killed'), files('whole'), 'nothing is left over and nothing is missing')
  for (const file of files('whole').filter(name => name.endsWith('.png'))) {
    const [a, b] = ['killed', 'whole'].map(name =>
      readFileSync(join(root, name, 'predictions', file)),
    )
    if (!a!.equals(b!)) t.fail(`${file} differs`)
  }
})

t.test('a folder of results: table, JSON, report and archive', async t => {
  const root = t.testdir()
  const base = [
    'eval',
    'mevis',
    '--root',
    join(mini, 'mevis'),
    '--pred',
    join(mini, 'mevis/results'),
  ]
  const strict = await run(...base, '-o', join(root, 'run'))
  t.equal(strict.code, 1)
  t.match(strict.stderr, /aa00bb11cc22\/0: no results for the sentence/)
  const lenient = await run(...base, '-o', join(root, 'run'), '--lenient')
  t.equal(lenient.code, 0, lenient.stderr)
  t.match(lenient.stdout, /all +6 +48\.6 +51\.7/)
  t.match(lenient.stdout, /this run +51\.7 +45\.5 +48\.6/)
  const report = join(root, 'report.html')
  const zip = join(root, 'results.zip')
  const json = await run(
    ...base,
    '-o',
    join(root, 'run'),
    '--lenient',
    '--json',
    '--report',
    report,
    '--zip',
    zip,
  )
  t.equal(json.code, 0, json.stderr)
  const { jf, items, expected, problems, resumed } = JSON.parse(json.stdout)
  t.ok(Math.abs(jf - 0.4860006917362645) < 1e-9)
  t.same([items, expected, resumed], [6, 6, 3])
  t.match(problems, [{ fault: 'missing' }])
  t.match(readFileSync(report, 'utf8'), /<h1>MeViS, valid_u<\/h1>/)
  t.equal((await zipNames(zip)).length, 20)
})

t.test('DAVIS: the segmenter follows the objects of the first frame', async t => {
  const root = t.testdir()
  await putDavis(root)
  const { code, stdout, stderr } = await run(
    ...['eval', 'davis17', '--root', root, '-o', join(root, 'run'), '--json', '--threads', '1'],
  )
  t.equal(code, 0, stderr)
  const { items, jf } = JSON.parse(stdout)
  t.equal(items, 2)
  t.ok(jf > 0.3, `J&F ${jf}`)
  t.match(readFileSync(join(root, 'run/global_results-val.csv'), 'utf8'), /^J&F-Mean/)
  const names = readdirSync(join(root, 'run/predictions/boxes'))
  t.equal(names.length, 5)
})

t.test('wrong usage', async t => {
  const root = join(mini, 'mevis')
  const usage: [string[], RegExp][] = [
    [['eval', 'mevis'], /--root/],
    [['eval', 'coco', '--root', root], /data set must be one of/],
    [['eval', 'mevis', '--root', root, '--split', 'all'], /split of mevis/],
    [['eval', 'mevis', '--root', root, '--pred', 'x', '--pointer', 'y'], /leave the models out/],
    [
      ['eval', 'mevis', '--root', root, '--pred', 'x', '--sequences', 'nobody'],
      /no sequence "nobody"/,
    ],
    [
      ['eval', 'davis17', '--root', join(mini, 'refdavis'), '--protocol', 'unsupervised'],
      /no sentences/,
    ],
  ]
  for (const [args, message] of usage) {
    const { code, stderr } = await run(...args, ...(args.length > 2 ? ['-o', t.testdirName] : []))
    t.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    t.match(stderr, message)
  }
})

t.test('sweep: tables of the embedded models', async t => {
  const root = t.testdir()
  await putDrawn(join(root, 'set/a'), drawnQueries.slice(0, 1))
  const report = join(root, 'sweep.html')
  const args = ['sweep', 'drawn', '--root', join(root, 'set'), '-o', join(root, 'run')]
  const tables = ['--tables', '9,10,14,20,dtype', '-k', '2,T', '--dtypes', 'fp32,bf16']
  const { code, stdout, stderr } = await run(
    ...[...args, ...tables, '--tau', '0.3,0.7', '--threads', '1', '--report', report, '--json'],
  )
  t.equal(code, 0, stderr)
  const found = JSON.parse(stdout).tables as {
    table: string
    rows: { label: string; own: object }[]
  }[]
  t.same(
    found.map(({ table }) => table),
    ['9', '10', '14', '20', 'dtype'],
  )
  const own = (table: string) =>
    found
      .find(one => one.table === table)!
      .rows.filter(row => row.own)
      .map(({ label }) => label)
  t.same(own('9'), ['0.3', '0.7'])
  t.same(own('10'), ['2', '|T|'])
  t.same(own('dtype'), ['fp32', 'bf16'])
  for (const { rows } of found) {
    for (const { own: figures } of rows) {
      for (const value of Object.values(figures ?? {})) t.type(value, 'number')
    }
  }
  t.match(readFileSync(join(root, 'run/tables.md'), 'utf8'), '\n| \\|T\\| |')
  t.match(readFileSync(join(root, 'run/tables.csv'), 'utf8'), /\n9,tau=0\.7,J&F,\d/)
  t.match(readFileSync(report, 'utf8'), /<h1>Settings on drawn clips<\/h1>/)
  const wrong = await run(...args, '--tables', '7')
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /table must be one of/)
})
