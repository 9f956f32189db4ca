import { InternalError } from '../engine/errors.js'
import type { Family, PointerFamily } from './family.js'
import { molmo } from './molmo.js'
import { sam2 } from './sam2.js'

/** Every family of models that checkpoints are found to be of, in the order in which they are asked. */
export const FAMILIES: Family[] = [molmo, sam2]

/** The pointers' family of this name. */
export function pointerFamily(name: string): PointerFamily {
  const found = FAMILIES.find(family => family.name === name)
  if (found?.kind === 'pointer') return found
  throw new InternalError(`there is no family of pointers called ${name}`)
}

/** What people call the models of a kind: "Molmo or VideoMolmo", ... */
export const titlesOf = (kind: Family['kind']): string =>
  FAMILIES.filter(family => family.kind === kind)
    .map(({ title }) => title)
    .join(' or ')
