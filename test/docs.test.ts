import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** The package's root: this file runs from dist/test. */
const root = fileURLToPath(new URL('../..', import.meta.url))

const SOURCES = /\.(ts|mjs|cjs|cc|h|inc|cu|cuh|cmake|py)$/

function filesOf(folder: string, wanted: RegExp): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && wanted.test(entry.name))
    .map(entry => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter(file => !file.includes('fixtures') && !file.includes('__pycache__'))
}

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

/** Numbers of the sections of a specification: of headings, and of paragraphs that begin with one. */
function sectionsOf(document: string): Set<string> {
  const numbers = read(document).matchAll(/^(?:#+ )?(\d+(?:\.\d+)?)\.? /gm)
  return new Set([...numbers].map(([, number]) => number!))
}

const rooms = ['lib', 'native', 'include', 'test', 'bench', 'scripts', 'cmake', 'training']
const sources = rooms.flatMap(room => filesOf(room, SOURCES))

t.test('documents that comments cite are there, with the sections that they name', t => {
  let cited = 0
  for (const file of sources) {
    const text = read(file).replaceAll(/\n\s*(\/\/|\*|#) ?/g, ' ')
    for (const [, document, numbers] of text.matchAll(
      /\b(docs\/[\w./-]+\.md)((?:(?:,| to| and)? \d+(?:\.\d+)?(?![\w%]))*)/g,
    )) {
      t.ok(existsSync(path.join(root, document!)), `${file} cites ${document}`)
      if (!document!.startsWith('docs/spec/')) continue
      cited++
      const sections = sectionsOf(document!)
      for (const [number] of numbers!.matchAll(/\d+(?:\.\d+)?/g)) {
        t.ok(sections.has(number), `${file} cites ${document} ${number}`)
      }
    }
    t.notMatch(
      text,
      /\bspec \d|\bspec\/\w+ section|(?<!docs\/spec\/)\bsam2\.md/,
      `${file}: whole paths`,
    )
  }
  t.ok(cited >= 10, `${cited} citations of specifications`)
  t.end()
})

t.test('links between documents lead somewhere', t => {
  const documents = ['README.md', 'CHANGELOG.md', ...filesOf('docs', /\.md$/)]
  for (const file of documents) {
    for (const [, target] of read(file).matchAll(
      /\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g,
    )) {
      t.ok(existsSync(path.join(root, path.dirname(file), target!)), `${file} links to ${target}`)
    }
  }
  t.end()
})

t.test('files that the architecture names are there', t => {
  const named = [...read('docs/architecture.md').matchAll(/`([\w-]+(?:\/[\w.-]+)+)`/g)]
  t.ok(named.length > 20, `${named.length} paths`)
  for (const [, file] of named) {
    t.ok(existsSync(path.join(root, file!)), `docs/architecture.md names ${file}`)
  }
  t.end()
})

t.test('what has run where is said in one place', t => {
  for (const file of [...sources, 'README.md', 'CHANGELOG.md', ...filesOf('docs', /\.md$/)]) {
    if (file === 'docs/status.md' || file === 'test/docs.test.ts') continue
    t.notMatch(read(file), /no GPU has (?:yet )?run/i, file)
  }
  t.end()
})
