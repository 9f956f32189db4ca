import path from 'node:path'
import t from 'tap'
import { knownFileCircles, knownFolderCircles } from './known.js'
import { circles, type Graph, grouped, type Source, sourcesUnder } from './walk.js'

/** Files whose values a file imports; types are gone when the program runs. */
function importsOf({ file, text }: Source): Set<string> {
  const pattern = /^(?:import|export)\s(?!type\s)[^'"]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'/gm
  const targets = [...text.matchAll(pattern)].map(match => (match[1] ?? match[2]) as string)
  return new Set(
    targets.map(target => path.posix.join(path.posix.dirname(file), target.replace(/js$/, 'ts'))),
  )
}

const graphOf = (sources: Source[]): Graph =>
  new Map(sources.map(source => [source.file, importsOf(source)]))
/** lib/<folder>, or the file itself beside the folders. */
const folderOf = (file: string): string => file.split('/').slice(0, 2).join('/')

const sources = sourcesUnder('lib', /\.ts$/)
const graph = graphOf(sources)

t.test('imports of lib lead to files of lib', t => {
  const strays = [...graph].flatMap(([file, targets]) =>
    [...targets].filter(target => !graph.has(target)).map(target => `${file} -> ${target}`),
  )
  t.same(strays, [])
  t.ok([...graph.values()].some(targets => targets.size > 0))
  t.end()
})

t.test('no file of lib imports itself over others', t => {
  t.same(circles(graph), knownFileCircles)
  t.end()
})

t.test('no folder of lib imports itself over others', t => {
  t.same(
    circles(grouped(graph, folderOf)).sort((a, b) => (a.join() < b.join() ? -1 : 1)),
    knownFolderCircles,
  )
  t.end()
})

t.test('a planted circle is seen', t => {
  const planted = graphOf([
    { file: 'lib/a/one.ts', text: "import { two } from '../b/two.js'\n" },
    { file: 'lib/a/other.ts', text: "import type { Three } from '../b/three.js'\n" },
    { file: 'lib/b/two.ts', text: "export {\n  three,\n} from './three.js'\nimport './two.css'\n" },
    { file: 'lib/b/three.ts', text: "import { other } from '../a/other.js'\n" },
  ])
  t.same(circles(planted), [], 'not between files')
  t.same(circles(grouped(planted, folderOf)), [['lib/a', 'lib/b']])
  planted.get('lib/a/other.ts')?.add('lib/a/one.ts')
  t.same(circles(planted), [['lib/a/one.ts', 'lib/a/other.ts', 'lib/b/three.ts', 'lib/b/two.ts']])
  t.end()
})
