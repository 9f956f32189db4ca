import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// Compiled tests run from dist/test.
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A source file by its path from the root, with forward slashes, and its text. */
export interface Source {
  file: string
  text: string
}

/** The sources under a folder whose names match. */
export function sourcesUnder(folder: string, name: RegExp): Source[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && name.test(entry.name))
    .map(entry => {
      const file = path.join(entry.parentPath, entry.name)
      return {
        file: path.relative(root, file).split(path.sep).join('/'),
        text: readFileSync(file, 'utf8'),
      }
    })
    .sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** Who points at whom; targets without an entry of their own are left out of circles. */
export type Graph = Map<string, Set<string>>

/** The circles of a graph: groups of nodes that reach each other, each group sorted. */
export function circles(graph: Graph): string[][] {
  const reach = (from: string): Set<string> => {
    const seen = new Set<string>()
    const open = [...(graph.get(from) ?? [])]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (seen.has(node)) continue
      seen.add(node)
      open.push(...(graph.get(node) ?? []))
    }
    return seen
  }
  const reached = new Map([...graph.keys()].map(node => [node, reach(node)]))
  const found = new Map<string, string[]>()
  for (const [node, ahead] of reached) {
    if (!ahead.has(node)) continue
    const group = [...ahead].filter(other => reached.get(other)?.has(node)).sort()
    found.set(group.join(' '), group)
  }
  return [...found.values()]
}

/** The same pointers between groups of nodes, those inside a group left out. */
export function grouped(graph: Graph, groupOf: (node: string) => string): Graph {
  const groups: Graph = new Map()
  for (const [node, targets] of graph) {
    const own = groupOf(node)
    const others = groups.get(own) ?? new Set<string>()
    groups.set(own, others)
    for (const target of targets) if (groupOf(target) !== own) others.add(groupOf(target))
  }
  return groups
}
