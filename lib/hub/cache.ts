import { randomUUID } from 'node:crypto'
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { type Checksum, firstWeights, shardsOf } from './files.js'
import { isCommit, type Repository } from './repository.js'

export const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() ?? false

/**
 * One repository in the cache that Python's huggingface_hub shares: blobs/ holds files by their checksums,
 * snapshots/<commit>/ links to them by name, refs/<revision> holds the commit of a branch or tag.
 */
export class CachedRepository {
  private constructor(
    readonly folder: string,
    readonly repository: Repository,
  ) {}

  static async open(cache: string, repository: Repository): Promise<CachedRepository> {
    const { getRepoFolderName } = await import('@huggingface/hub')
    const name = getRepoFolderName({ name: repository.id, type: 'model' })
    return new CachedRepository(join(cache, name), repository)
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  blob({ hex }: Checksum): string {
    return join(this.folder, 'blobs', hex)
  }

  /** The commit that the revision was when it was fetched last. */
  async commit(): Promise<string | undefined> {
    const { revision } = this.repository
    if (isCommit(revision)) return revision
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '')
    return isCommit(text.trim()) ? text.trim() : undefined
  }

  async remember(commit: string): Promise<void> {
    const { revision } = this.repository
    if (revision === commit) return
    const path = join(this.folder, 'refs', revision)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, commit)
  }

  /** Gives a blob its name in a snapshot. */
  async link(commit: string, name: string, checksum: Checksum): Promise<void> {
    const path = join(this.snapshot(commit), name)
    const blob = this.blob(checksum)
    await mkdir(dirname(path), { recursive: true })
    // Made aside and moved: another process may be doing the same.
    const aside = `${path}.${randomUUID()}`
    try {
      await symlink(relative(dirname(path), blob), aside)
    } catch {
      await copyFile(blob, aside) // a file system without links
    }
    await rename(aside, path)
  }

  /** The snapshot of a commit, where all of the model lies in it. */
  async complete(commit: string | undefined, tokenizerOnly: boolean): Promise<string | undefined> {
    if (commit === undefined) return undefined
    const folder = this.snapshot(commit)
    if (tokenizerOnly) return (await isFile(join(folder, 'tokenizer.json'))) ? folder : undefined
    return (await hasAllWeights(folder)) ? folder : undefined
  }
}

async function hasAllWeights(folder: string): Promise<boolean> {
  try {
    const first = join(folder, firstWeights(await readdir(folder), folder))
    if (!first.endsWith('.index.json')) return await isFile(first)
    const shards = shardsOf(await readFile(first, 'utf8'), first)
    const found = await Promise.all(shards.map(shard => isFile(join(folder, shard))))
    return found.every(Boolean)
  } catch {
    return false
  }
}
