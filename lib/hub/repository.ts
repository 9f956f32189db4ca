/** A model's repository on the Hugging Face hub, at one of its revisions. */
export interface Repository {
  /** "owner/name". */
  readonly id: string
  /** Branch, tag or commit. */
  readonly revision: string
}

const ID = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/
const REVISION = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)*$/

/**
 * "owner/name" or "owner/name@revision" (default: main); undefined for everything else, such as what
 * is written as a path: absolute, with ./ or ../, or with more than one slash before the revision.
 */
export function parseRepository(text: string): Repository | undefined {
  const at = text.indexOf('@')
  const id = at < 0 ? text : text.slice(0, at)
  const revision = at < 0 ? 'main' : text.slice(at + 1)
  // Both become names of folders.
  if (!ID.test(id) || !REVISION.test(revision) || text.includes('..')) return undefined
  return { id, revision }
}

/** The commit, where the revision is one. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)
