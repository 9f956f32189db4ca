import { join } from 'node:path'
import t from 'tap'
import { checkpointFault, datasetFault } from '../../lib/json/faults.js'
import { parseJson, readJson } from '../../lib/json/read.js'
import { JsonValue } from '../../lib/json/value.js'

const document = {
  name: 'x',
  id: 7,
  on: true,
  sizes: [1, 2],
  files: ['a.png', 3],
  deep: { list: [{ count: -1 }] },
  nothing: null,
}
const json = new JsonValue('file.json', document, datasetFault)

t.test('values of every kind', async t => {
  t.equal(json.at('name').string(), 'x')
  t.equal(json.at('id').name(), '7')
  t.equal(json.at('id').integer(7), 7)
  t.equal(json.at('on').boolean(), true)
  t.same(json.at('sizes').numbers(2), [1, 2])
  t.same(json.at('files').fileNames(), ['a.png', '3'])
  t.equal(json.at('deep').at('list').items()[0]!.at('count').number(), -1)
  t.same(
    json.members().map(([key]) => key),
    Object.keys(document),
  )
  t.same(
    [json.at('nothing').present, json.at('absent').present, json.at('id').present],
    [...[false, false, true]],
  )
  t.same([json.at('sizes').isList, json.at('deep').isList], [true, false])
})

t.test('what does not fit names the file, the place and what came', async t => {
  const wrong = (read: () => unknown, message: string) =>
    t.throws(read, { code: 'DATASET_INVALID', path: 'file.json', message: `file.json: ${message}` })
  wrong(() => json.at('id').string(), 'id: expected a text, got 7')
  wrong(() => json.at('name').number(), 'name: expected a number, got "x"')
  wrong(() => json.at('name').boolean(), 'name: expected true or false, got "x"')
  wrong(() => json.at('absent').items(), 'absent: expected a list, got nothing')
  wrong(() => json.at('sizes').object(), 'sizes: expected an object, got [1,2]')
  wrong(() => json.at('sizes').numbers(3), 'sizes: expected a list of 3 numbers, got [1,2]')
  wrong(() => json.at('files').numbers(), 'files: expected a list of numbers, got ["a.png",3]')
  const count = json.at('deep').at('list').items()[0]!.at('count')
  wrong(() => count.integer(), 'deep.list.0.count: expected a whole number of at least 0, got -1')
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a\0b']) {
    const value = new JsonValue('file.json', name, datasetFault)
    wrong(
      () => value.fileName(),
      `the document: expected a plain file name, got ${JSON.stringify(name)}`,
    )
  }
  const huge = parseJson('[1e999]', 'file.json', datasetFault)
  wrong(() => huge.at(0).number(), '0: expected a number, got null')
})

t.test('files', async t => {
  const folder = t.testdir({ 'good.json': '{"a": 1}', 'bad.json': '{"a": ', 'list.json': '[]' })
  const at = (name: string) => join(folder, name)
  t.equal((await readJson(at('good.json'), checkpointFault))!.at('a').number(), 1)
  t.equal(await readJson(at('absent.json'), checkpointFault), undefined)
  await t.rejects(readJson(at('bad.json'), checkpointFault), {
    code: 'CHECKPOINT_INVALID',
    message: /bad\.json: the document must be JSON, but is /,
    cause: { name: 'SyntaxError' },
  })
  await t.rejects(readJson(folder, checkpointFault), {
    code: 'CHECKPOINT_INVALID',
    message: /the document must be a file to read, but is EISDIR/,
  })
  const list = await readJson(at('list.json'), checkpointFault)
  t.throws(() => list!.object(), { message: /the document must be an object, but is \[\]/ })
})
