import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A repository as the server has it: files by name. Those of `lfs` are kept as big files are. */
export interface ServedRepository {
  commit: string
  files: Record<string, string | Buffer>
  lfs?: readonly string[]
}

/** What the server does with a request instead of answering it; true when it did something. */
export type Mischief = (request: IncomingMessage, response: ServerResponse) => boolean

const sha = (algorithm: 'sha1' | 'sha256', ...parts: (string | Buffer)[]) => {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** A server that speaks as much of the hub's protocol as fetching a model needs. */
export class HubServer {
  readonly requests: string[] = []
  readonly tokens = new Set<string | undefined>()
  /** Called before every request. */
  mischief: Mischief = () => false
  #endpoint = ''

  private constructor(private readonly repositories: Record<string, ServedRepository>) {}

  static async start(t: Test, repositories: Record<string, ServedRepository>): Promise<HubServer> {
    const hub = new HubServer(repositories)
    const server = createServer((request, response) => hub.#answer(request, response))
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    hub.#endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    t.teardown(() => {
      server.closeAllConnections()
      return new Promise(done => server.close(done))
    })
    return hub
  }

  get endpoint(): string {
    return this.#endpoint
  }

  /** Requests for the bytes of this file, as "<range or all>". */
  fetched(name: string): string[] {
    const end = `/${name} `
    return this.requests
      .filter(line => line.startsWith('/cdn/') && line.includes(end))
      .map(line => line.slice(line.indexOf(end) + end.length))
  }

  #answer(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url!, this.#endpoint)
    this.requests.push(`${decodeURIComponent(url.pathname)} ${request.headers.range ?? 'all'}`)
    this.tokens.add(request.headers.authorization)
    if (this.mischief(request, response)) return true
    const [, kind, ...rest] = decodeURIComponent(url.pathname).split('/')
    if (kind === 'api') return this.#api(rest, response)
    if (kind === 'cdn') return this.#send(rest.slice(0, 2).join('/'), rest[2]!, request, response)
    // /owner/name/resolve/revision/file: sends on, as the hub does.
    const [name, , , file] = rest
    if (!this.repositories[`${kind}/${name}`]?.files[file!])
      return fail(response, 404, 'EntryNotFound')
    response.writeHead(302, { location: `/cdn/${kind}/${name}/${file}` }).end()
    return true
  }

  /** models/owner/name/{revision,tree}/revision */
  #api([, owner, name, what]: string[], response: ServerResponse): boolean {
    const repository = this.repositories[`${owner}/${name}`]
    if (!repository) return fail(response, 401, 'RepoNotFound')
    const body =
      what === 'tree'
        ? Object.keys(repository.files).map(path => entryOf(repository, path))
        : { _id: '1', id: `${owner}/${name}`, sha: repository.commit, lastModified: '2026-01-01' }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
    return true
  }

  #send(id: string, file: string, request: IncomingMessage, response: ServerResponse): boolean {
    const bytes = Buffer.from(this.repositories[id]!.files[file]!)
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from > 0 ? 206 : 200, {
      etag: '"x"',
      'content-length': bytes.length - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    })
    response.end(bytes.subarray(from))
    return true
  }
}

function entryOf({ files, lfs = [] }: ServedRepository, path: string) {
  const bytes = Buffer.from(files[path]!)
  const oid = sha('sha1', `blob ${bytes.length}\0`, bytes)
  const big = { oid: sha('sha256', bytes), size: bytes.length, pointerSize: 134 }
  return {
    type: 'file',
    path,
    size: bytes.length,
    oid,
    ...(lfs.includes(path) ? { lfs: big } : {}),
  }
}

/** Answers with an error, as the hub words it. */
export function fail(response: ServerResponse, status: number, code = ''): true {
  response.writeHead(status, { 'content-type': 'application/json', 'x-error-code': code })
  response.end(JSON.stringify({ error: code }))
  return true
}
