import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { throwIfAborted } from '../engine/cancel.js'
import { AbortedError, DownloadError, ModelNotFoundError } from '../engine/errors.js'
import { CachedRepository, isFile } from './cache.js'
import { downloadFile } from './download.js'
import type { HubEnvironment } from './environment.js'
import { hubFailure, isPassing, statusOf } from './failure.js'
import { firstWeights, type HubFile, shardsOf, textFiles, tokenizerFiles } from './files.js'
import { isCommit, type Repository } from './repository.js'

/** How far the download of a repository is. */
export interface DownloadProgress {
  /** "owner/name". */
  repository: string
  /** The file that is being fetched. */
  file: string
  /** Bytes of all needed files that are there, and of all of them. */
  bytesDone: number
  bytesTotal: number
}

export interface SnapshotOptions {
  environment: HubEnvironment
  /** The tokenizer's files alone. Default false. */
  tokenizerOnly?: boolean
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

/** More entries than any model's folder has; what follows is not asked for. */
const MOST_FILES = 10_000

/**
 * The folder in the cache with the files of a model; fetches those that are missing, and nothing else. A
 * commit that is there is used without asking the hub; a branch is when the hub cannot be reached.
 *
 * @throws MODEL_NOT_FOUND for what is missing, private, gated, or not there while offline;
 * CHECKPOINT_INVALID for a repository without weights that are read; DOWNLOAD_FAILED for the network, the
 * disk and wrong checksums; ABORTED.
 */
export async function fetchSnapshot(
  repository: Repository,
  options: SnapshotOptions,
): Promise<string> {
  const { environment, tokenizerOnly = false, signal } = options
  throwIfAborted(signal)
  const cached = await CachedRepository.open(environment.cache, repository)
  const known = await cached.complete(await cached.commit(), tokenizerOnly)
  if (known && (environment.offline || isCommit(repository.revision))) return known
  if (environment.offline) {
    throw new ModelNotFoundError(
      `${repository.id}: the model is not (wholly) in ${environment.cache}, and HF_HUB_OFFLINE forbids ` +
        'to fetch it; unset that, or name a folder on the disk',
    )
  }
  try {
    return await new Fetch(cached, options).run()
  } catch (error) {
    if (signal?.aborted) throw new AbortedError(undefined, { cause: error })
    // What was fetched before serves while the hub is away.
    if (known && isPassing(error) && statusOf(error) === undefined) return known
    throw hubFailure(error, repository, environment)
  }
}

class Fetch {
  readonly #listed = new Map<string, HubFile>()
  #done = 0
  #total = 0

  constructor(
    private readonly cached: CachedRepository,
    private readonly options: SnapshotOptions,
  ) {}

  async run(): Promise<string> {
    const { environment, tokenizerOnly } = this.options
    const { id } = this.cached.repository
    const commit = await this.#list()
    const names = [...this.#listed.keys()]
    await mkdir(this.cached.folder, { recursive: true })
    if (tokenizerOnly) {
      await this.#fetch(commit, tokenizerFiles(names))
    } else {
      const where = `${environment.endpoint}/${id}`
      const first = firstWeights(names, where)
      const isIndex = first.endsWith('.index.json')
      await this.#fetch(commit, [...textFiles(names), ...(isIndex ? [first] : [])])
      await this.#fetch(commit, isIndex ? await this.#shards(commit, first) : [first])
    }
    await this.cached.remember(commit)
    return this.cached.snapshot(commit)
  }

  get #access() {
    const { endpoint, token } = this.options.environment
    const { signal } = this.options
    const withSignal: typeof fetch = (url, init) =>
      fetch(url, { ...init, ...(signal ? { signal } : {}) })
    return { hubUrl: endpoint, fetch: withSignal, ...(token ? { accessToken: token } : {}) }
  }

  /** Asks for the commit of the revision and for what lies in it. */
  async #list(): Promise<string> {
    const { listFiles, modelInfo } = await import('@huggingface/hub')
    const { id, revision } = this.cached.repository
    const info = await modelInfo({ name: id, revision, additionalFields: ['sha'], ...this.#access })
    if (!isCommit(info.sha ?? '')) throw this.#nonsense(`the commit ${JSON.stringify(info.sha)}`)
    const listing = listFiles({ repo: id, revision: info.sha, ...this.#access })
    for await (const { type, path, size, oid, lfs } of listing) {
      if (type !== 'file' || path.includes('/')) continue
      const checksum = lfs
        ? ({ algorithm: 'sha256', hex: lfs.oid } as const)
        : ({ algorithm: 'git-sha1', hex: oid ?? '' } as const)
      if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(checksum.hex) || !Number.isSafeInteger(size))
        throw this.#nonsense(`no checksum or size for ${path}`)
      this.#listed.set(path, { name: path, size: lfs?.size ?? size, checksum })
      if (this.#listed.size >= MOST_FILES) break
    }
    return info.sha
  }

  #nonsense(what: string): DownloadError {
    const { endpoint } = this.options.environment
    return new DownloadError(
      `${this.cached.repository.id}: ${endpoint} states ${what}; is HF_ENDPOINT a Hugging Face hub?`,
    )
  }

  async #shards(commit: string, index: string): Promise<string[]> {
    const path = join(this.cached.snapshot(commit), index)
    const shards = shardsOf(await readFile(path, 'utf8'), path)
    const missing = shards.find(shard => !this.#listed.has(shard))
    if (missing) throw this.#nonsense(`no ${missing}, which ${index} names`)
    return shards
  }

  async #fetch(commit: string, names: readonly string[]): Promise<void> {
    const files = names.map(name => this.#listed.get(name)!)
    this.#total += files.reduce((sum, { size }) => sum + size, 0)
    await this.#requireRoom(files)
    for (const file of files) await this.#fetchOne(commit, file)
  }

  async #requireRoom(files: readonly HubFile[]): Promise<void> {
    const { environment } = this.options
    let missing = 0
    for (const { size, checksum } of files) {
      const blob = this.cached.blob(checksum)
      if (await isFile(blob)) continue
      const begun = await stat(`${blob}.incomplete`).catch(() => undefined)
      missing += Math.max(0, size - (begun?.size ?? 0))
    }
    const free = await environment.freeBytes(this.cached.folder)
    if (missing <= free) return
    const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
    throw new DownloadError(
      `${this.cached.repository.id}: ${gib(missing)} are to come, but ${environment.cache} has only ` +
        `${gib(free)} left; make room or set HF_HUB_CACHE to a folder elsewhere`,
    )
  }

  async #fetchOne(commit: string, file: HubFile): Promise<void> {
    const { environment, onProgress, signal } = this.options
    const { id } = this.cached.repository
    const path = this.cached.blob(file.checksum)
    const before = this.#done
    const report = (done: number) =>
      onProgress?.({
        repository: id,
        file: file.name,
        bytesDone: before + done,
        bytesTotal: this.#total,
      })
    if (!(await isFile(path))) {
      const url = `${environment.endpoint}/${id}/resolve/${commit}/${encodeURIComponent(file.name)}`
      await downloadFile({
        url,
        file,
        path,
        environment,
        onBytes: report,
        ...(signal ? { signal } : {}),
      })
    }
    await this.cached.link(commit, file.name, file.checksum)
    this.#done = before + file.size
    report(file.size)
  }
}
