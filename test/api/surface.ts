import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Declarations, type Reference, readDeclarations, split } from './declarations.js'

/** Runs from dist/test/api. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A declaration and where it stands. */
export interface Found {
  /** Path of the declaration file. */
  file: string
  name: string
  texts: string[]
}

/** What an entry of the package gives. */
export interface Entry {
  /** As programs import it. */
  name: string
  /** By the name that programs see, in alphabetical order. */
  exported: Map<string, Found>
}

const modules = new Map<string, Declarations>()

function moduleAt(file: string): Declarations {
  const known = modules.get(file) ?? readDeclarations(readFileSync(file, 'utf8'))
  modules.set(file, known)
  return known
}

const target = (file: string, specifier: string) =>
  join(dirname(file), specifier.replace(/\.js$/, '.d.ts'))

/** Follows a name to its declaration; null where that is another package's. */
function follow(file: string, { from, name }: Reference): Found | null {
  if (from !== null) return from.startsWith('.') ? lookUp(target(file, from), name) : null
  const { declared, imported } = moduleAt(file)
  const texts = declared.get(name)
  if (texts) return { file, name, texts }
  const reference = imported.get(name)
  return reference ? follow(file, reference) : null
}

/** What a module exports under a name. */
function lookUp(file: string, name: string): Found | null {
  const { exported, stars } = moduleAt(file)
  const reference = exported.get(name)
  if (reference) return follow(file, reference)
  for (const star of stars) {
    const found = lookUp(target(file, star), name)
    if (found) return found
  }
  return null
}

function namesOf(file: string): string[] {
  const { exported, stars } = moduleAt(file)
  return [...exported.keys(), ...stars.flatMap(star => namesOf(target(file, star)))]
}

/** The entries that package.json names. */
export function readEntries(): Entry[] {
  const text = readFileSync(join(root, 'package.json'), 'utf8')
  const { name, exports } = JSON.parse(text) as {
    name: string
    exports: Record<string, string | { types: string }>
  }
  return Object.entries(exports).flatMap(([entry, value]) => {
    if (typeof value === 'string') return []
    const file = join(root, value.types)
    const found = [...new Set(namesOf(file))].sort().map(exported => {
      const declaration = lookUp(file, exported)
      if (!declaration) throw new Error(`${entry} exports ${exported}, which is declared nowhere`)
      return [exported, declaration] as const
    })
    return [{ name: join(name, entry), exported: new Map(found) }]
  })
}

/** Names that a declaration's text uses as types; names of members and parameters are not. */
const usedNames = (text: string) =>
  text.replaceAll(/"[^"]*"|'[^']*'/g, '').match(/[A-Za-z_$][\w$]*(?![\w$]|\??:|\()/g) ?? []

const keyOf = ({ file, name }: Found) => `${file} ${name}`

/** Everything that a program can reach from the entries, with the exported names themselves. */
export function reachable(entries: readonly Entry[]): Found[] {
  const seen = new Map<string, Found>()
  const waiting = entries.flatMap(({ exported }) => [...exported.values()])
  for (let found = waiting.pop(); found; found = waiting.pop()) {
    if (seen.has(keyOf(found))) continue
    seen.set(keyOf(found), found)
    const { file } = found
    for (const name of new Set(found.texts.flatMap(usedNames))) {
      const used = follow(file, { from: null, name })
      if (used) waiting.push(used)
    }
  }
  return [...seen.values()]
}

const nameOfMember = (member: string) =>
  member.replace(/^(?:(?:static|readonly|private|protected|get|set|abstract) )*/, '')

/** A declaration with a line per member, members in alphabetical order. */
function lines(text: string): string[] {
  const [, head, body] =
    /^((?:abstract )?(?:class|interface|enum) [^{]*)\{(.*)\}$/s.exec(text) ?? []
  if (head === undefined) return [text]
  const members = split(body!, (_, last) => last === ';').map(member => member.replace(/;$/, ''))
  const sorted = members
    .filter(member => member !== '#private')
    .sort((a, b) => (nameOfMember(a) < nameOfMember(b) ? -1 : 1))
  return [head.trim(), ...sorted.map(member => `  ${member}`)]
}

/** Names of an interface's members with those that it inherits, or of what a Pick picks. */
export function memberNames(all: readonly Found[], type: string): string[] {
  const [text = ''] = all.find(({ name }) => name === type)?.texts ?? []
  const picked = /^type \w+ = Pick<\w+, ([^>]*)>$/.exec(text)
  if (picked) return picked[1]!.split('|').map(name => name.trim().slice(1, -1))
  const [, parents = ''] = /^interface [^{]*? extends ([^{]*)/.exec(text) ?? []
  const inherited = parents.match(/\b[A-Z]\w*Options\b/g) ?? []
  const own = lines(text).slice(1)
  if (own.length === 0) throw new Error(`${type} is no interface with members`)
  return [
    ...inherited.flatMap(parent => memberNames(all, parent)),
    ...own.map(member => /\w+/.exec(nameOfMember(member.trim()))![0]),
  ]
}

const block = ({ name, texts }: Found, exported = name): string =>
  texts
    .flatMap(lines)
    .map((line, i) => (i === 0 && exported !== name ? `${line} (as ${exported})` : line))
    .join('\n')

/** The public surface as text: what each entry exports, then what its types lead to. */
export function printSurface(entries: readonly Entry[]): string {
  const exported = new Set(entries.flatMap(entry => [...entry.exported.values()].map(keyOf)))
  const sections = entries.map(({ name, exported }) => [
    `# ${name}`,
    ...[...exported].map(([as, found]) => block(found, as)),
  ])
  const others = reachable(entries)
    .filter(found => !exported.has(keyOf(found)))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .map(found => block(found))
  return `${[...sections, ['# used by these, not exported', ...others]].flat().join('\n\n')}\n`
}
