import { mkdtemp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { RunFolder } from '../../lib/evaluate/run-folder.js'

const folder = () => mkdtemp(join(tmpdir(), 'run-'))
const settings = { model: 'a', every: 5 }

t.test('a record that was cut off counts as not done', async t => {
  const path = await folder()
  const run = await RunFolder.open<{ score: number }>(path, settings)
  await run.write('one', { score: 1 })
  await run.write('two', { score: 2 })
  const records = join(path, 'sequences')
  const [first] = (await readdir(records)).filter(name => name.startsWith('one'))
  for (const left of [10, 0]) {
    await truncate(join(records, first!), left)
    const again = await RunFolder.open<{ score: number }>(path, settings)
    t.equal(await again.read('one'), null, `${left} bytes left`)
    t.same(await again.read('two'), { score: 2 })
  }
})

t.test('where the settings were cut off all is done again', async t => {
  const path = await folder()
  const run = await RunFolder.open(path, settings)
  await run.write('one', { score: 1 })
  await writeFile(join(path, 'run.json'), '')
  const again = await RunFolder.open(path, { model: 'b' })
  t.equal(await again.read('one'), null, 'its record may be of other settings')
  t.same(JSON.parse(await readFile(join(path, 'run.json'), 'utf8')), { model: 'b' })
})

t.test('other settings are refused by name', async t => {
  const path = await folder()
  await (await RunFolder.open(path, settings)).write('one', 1)
  await t.rejects(RunFolder.open(path, { ...settings, every: 6 }), {
    code: 'INVALID_ARGUMENT',
    message: /every was 5, now 6/,
  })
})
