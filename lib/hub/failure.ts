import { DownloadError, ModelNotFoundError, VideoMolmoError } from '../engine/errors.js'
import type { HubEnvironment } from './environment.js'
import type { Repository } from './repository.js'

/** An answer of the hub, or of a server that it sends on to, with another status than asked for. */
export class StatusError extends Error {
  constructor(
    readonly status: number,
    /** Seconds that the server asks to wait. */
    readonly retryAfter?: number,
  ) {
    super(`the server answered with status ${status}`)
  }
}

const DISK: { [code: string]: string } = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'the folder cannot be written',
  EPERM: 'the folder cannot be written',
  EROFS: 'the file system is read-only',
}

/** The code of an error or of what caused it. */
export function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0])
    const { code } = at as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return undefined
}

export const statusOf = (error: unknown): number | undefined => {
  if (error instanceof StatusError) return error.status
  const { statusCode } = (error ?? {}) as { statusCode?: unknown }
  return typeof statusCode === 'number' ? statusCode : undefined
}

/** True for what another attempt may mend. */
export function isPassing(error: unknown): boolean {
  if (error instanceof VideoMolmoError || DISK[codeOf(error) ?? '']) return false
  const status = statusOf(error)
  if (status !== undefined) return status === 408 || status === 429 || status >= 500
  return error instanceof TypeError || codeOf(error) !== undefined // fetch, or the connection
}

function describeStatus(
  status: number,
  { id, revision }: Repository,
  { endpoint, token }: HubEnvironment,
  cause: unknown,
): VideoMolmoError {
  const page = `${endpoint}/${id}`
  const missing = (sentence: string) => new ModelNotFoundError(`${id}: ${sentence}`, { cause })
  if (status === 401 && !token) {
    return missing(
      `there is no such repository at ${page}, or it is private or gated; for those set HF_TOKEN ` +
        'to a token of an account that may read it, or run "hf auth login"',
    )
  }
  if (status === 401)
    return missing(`${endpoint} does not take the token in HF_TOKEN; make a new one`)
  if (status === 403) {
    return missing(
      `the repository is gated: ask for access on ${page} with the account of your token` +
        (token ? '' : ', and set HF_TOKEN'),
    )
  }
  if (status === 404)
    return missing(`there is no such repository or revision "${revision}" at ${page}`)
  const what =
    status === 429 ? 'asks to wait (too many requests, status 429)' : `failed (status ${status})`
  return new DownloadError(
    `${id}: ${endpoint} ${what}; try again later: what has come so far is kept`,
    { cause },
  )
}

/** Any failure of a download as a typed error that says what to do. */
export function hubFailure(
  error: unknown,
  repository: Repository,
  environment: HubEnvironment,
): VideoMolmoError {
  if (error instanceof VideoMolmoError) return error
  const { id } = repository
  const { endpoint, cache } = environment
  const status = statusOf(error)
  if (status !== undefined) return describeStatus(status, repository, environment, error)
  const code = codeOf(error)
  const disk = DISK[code ?? '']
  const options = { cause: error }
  if (disk) {
    return new DownloadError(
      `${id}: ${disk} at ${cache}; make room or set HF_HUB_CACHE to a folder elsewhere: what has come so far is kept`,
      options,
    )
  }
  const reason = code ?? (error instanceof Error ? error.message : String(error))
  return new DownloadError(
    `${id}: ${endpoint} cannot be reached or broke off (${reason}); check the connection and try again: ` +
      'what has come so far is kept',
    options,
  )
}
