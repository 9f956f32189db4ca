/**
 * Reads declaration files (.d.ts) as the compiler writes them: which names a module declares, imports
 * and exports. TypeScript 7 has no compiler API, and of its output this is all that a list of public
 * names needs.
 */

/** A name in another module, or in this one where `from` is null. */
export interface Reference {
  /** Module specifier as it is written. */
  from: string | null
  name: string
}

export interface Declarations {
  /** Texts by name, without comments; a function has one per overload. */
  declared: Map<string, string[]>
  imported: Map<string, Reference>
  /** By the name that others see. */
  exported: Map<string, Reference>
  /** Modules of which everything is exported. */
  stars: string[]
}

/** The text without comments; strings stay as they are. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, string: string | undefined) => string ?? '',
  )
}

/** Splits at the ends of statements or members: at `end` outside of all brackets. */
export function split(text: string, isEnd: (part: string, last: string) => boolean): string[] {
  const parts: string[] = []
  let [depth, start] = [0, 0]
  for (const { 0: token, index } of text.matchAll(
    /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|[{}()[\];,]/g,
  )) {
    if ('{(['.includes(token)) depth++
    else if ('})]'.includes(token)) depth--
    const next = index + token.length
    if (depth > 0 || !isEnd(text.slice(start, next).trim(), token)) continue
    parts.push(text.slice(start, next).trim())
    start = next
  }
  const rest = text.slice(start).trim()
  return rest === '' ? parts : [...parts, rest]
}

const BLOCK = /^(export )?(default )?(declare )?(abstract )?(class|interface|enum|namespace)\b/

const statementsOf = (text: string) =>
  split(
    withoutComments(text),
    (part, last) => last === ';' || (last === '}' && BLOCK.test(part)),
  ).map(statement => statement.replace(/;$/, '').replaceAll(/\s+/g, ' '))

/** Names between braces: `a, type B as C`; [name in the other module, name here]. */
function listed(list: string): [string, string][] {
  return list
    .split(',')
    .map(item => item.trim().replace(/^type /, ''))
    .filter(item => item !== '')
    .map(item => {
      const [name, as = name] = item.split(' as ')
      return [name!, as!]
    })
}

const LIST = /^(import|export) (?:type )?\{(.*)\}(?: from ['"](.*)['"])?$/
const STAR = /^export \* from ['"](.*)['"]$/
const DECLARATION =
  /^(export )?(?:default )?(?:declare )?(?:abstract )?(?:class|interface|enum|namespace|type|const|let|var|function) ([\w$]+)/

/** @throws for a statement of a form that is not known here. */
export function readDeclarations(text: string): Declarations {
  const found: Declarations = {
    declared: new Map(),
    imported: new Map(),
    exported: new Map(),
    stars: [],
  }
  for (const statement of statementsOf(text)) {
    const list = LIST.exec(statement)
    const star = STAR.exec(statement)
    const declaration = DECLARATION.exec(statement)
    if (list) {
      const [, kind, names, from = null] = list
      for (const [name, as] of listed(names!)) {
        if (kind === 'import') found.imported.set(as, { from, name })
        else found.exported.set(as, { from, name })
      }
    } else if (star) found.stars.push(star[1]!)
    else if (declaration) {
      const [, isExported, name] = declaration
      const body = statement.replace(/^export /, '').replace(/^declare /, '')
      found.declared.set(name!, [...(found.declared.get(name!) ?? []), body])
      if (isExported) found.exported.set(name!, { from: null, name: name! })
    } else if (!/^import /.test(statement)) {
      throw new Error(`a statement that is not understood: ${statement.slice(0, 200)}`)
    }
  }
  return found
}
