import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DownloadError } from '../engine/errors.js'
import type { HubEnvironment } from './environment.js'
import { isPassing, StatusError } from './failure.js'
import type { Checksum, HubFile } from './files.js'

// The library downloads a file in one go into memory or onto the disk, without going on where it
// stopped and without looking at the checksum; so the bytes are fetched here.

/** Attempts that bring nothing new, one after the other, before a file is given up. */
const ATTEMPTS = 5
const LONGEST_PAUSE = 30_000

export interface FileDownload {
  url: string
  file: HubFile
  /** Where it is to lie. */
  path: string
  environment: Pick<HubEnvironment, 'token' | 'pause'>
  /** Called with the bytes of the file that are there. */
  onBytes?: (done: number) => void
  signal?: AbortSignal
}

const sizeOf = async (path: string) => (await stat(path).catch(() => undefined))?.size ?? 0

/** Tells the checksum of a file as the hub states it. */
async function checksumOf(path: string, algorithm: Checksum['algorithm']): Promise<string> {
  const hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1')
  if (algorithm === 'git-sha1') hash.update(`blob ${await sizeOf(path)}\0`)
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/**
 * Fetches a file, going on where an earlier attempt stopped. It appears under its path when it is whole
 * and has its checksum; before that it lies beside it as .incomplete, as Python's library calls it too.
 * Two processes may do so at once: both write the same bytes at the same places, and neither cuts the file.
 *
 * @throws DOWNLOAD_FAILED for a wrong checksum, and what `fetch` and the file system throw.
 */
export async function downloadFile(download: FileDownload): Promise<void> {
  const { file, path, environment, signal } = download
  const partial = `${path}.incomplete`
  await mkdir(dirname(path), { recursive: true })
  let failures = 0
  for (;;) {
    const before = await sizeOf(partial)
    try {
      await fetchRest(download, partial, before > file.size ? 0 : before)
      break
    } catch (error) {
      signal?.throwIfAborted()
      if (!isPassing(error)) throw error
      failures = (await sizeOf(partial)) > before ? 1 : failures + 1
      if (failures >= ATTEMPTS) throw error
      const asked = error instanceof StatusError ? 1000 * (error.retryAfter ?? 0) : 0
      await environment.pause(Math.min(Math.max(asked, 500 * 2 ** failures), LONGEST_PAUSE), signal)
    }
  }
  try {
    await verify(download, partial)
    await rename(partial, path)
  } catch (error) {
    // Another process was faster, and moved what both have written.
    if ((await sizeOf(path)) !== file.size) throw error
  }
}

async function fetchRest(download: FileDownload, partial: string, given: number): Promise<void> {
  const { url, file, environment, onBytes, signal } = download
  let from = given
  onBytes?.(from)
  const target = await open(partial, constants.O_RDWR | constants.O_CREAT)
  try {
    if ((await target.stat()).size > file.size) await target.truncate(0)
    if (from === file.size) return
    const response = await fetch(url, {
      headers: {
        // No other encoding: the range and the size are those of the bytes.
        'Accept-Encoding': 'identity',
        ...(from > 0 ? { Range: `bytes=${from}-` } : {}),
        ...(environment.token ? { Authorization: `Bearer ${environment.token}` } : {}),
      },
      ...(signal ? { signal } : {}),
    })
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      throw new StatusError(
        response.status,
        Number(response.headers.get('retry-after')) || undefined,
      )
    }
    // A server that knows no ranges sends everything.
    if (response.status !== 206) from = 0
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      if (from + chunk.length > file.size) {
        throw new DownloadError(`${url} sends more than the ${file.size} bytes that the hub states`)
      }
      await target.write(chunk, 0, chunk.length, from)
      from += chunk.length
      onBytes?.(from)
    }
    if (from < file.size) throw new TypeError(`the connection ended after ${from} bytes`)
    await target.sync()
  } finally {
    await target.close()
  }
}

async function verify({ url, file }: FileDownload, partial: string): Promise<void> {
  const { algorithm, hex } = file.checksum
  const found = await checksumOf(partial, algorithm)
  if (found === hex) return
  await rm(partial, { force: true })
  throw new DownloadError(
    `${url}: expected the ${algorithm} checksum ${hex}, got ${found}; what came is deleted, ` +
      'download it again',
  )
}
