import { DecodeError, NotInstalledError } from '../engine/errors.js'

/**
 * The one door to FFmpeg. Only the low-level part of node-av is used: its higher layers are written
 * for newer Node versions than 20. Loaded at the first use, so that pictures and raw frames work
 * without it.
 */
export type Libav = typeof import('node-av/lib') & typeof import('node-av/constants')

async function load(): Promise<Libav> {
  const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')])
  // FFmpeg's own log goes to stderr; the library reports through errors instead.
  lib.Log.setLevel(constants.AV_LOG_QUIET)
  return { ...lib, ...constants }
}

let loaded: Promise<Libav> | undefined

/** @throws NOT_INSTALLED when node-av is not there or has no binary for this platform. */
export async function libav(): Promise<Libav> {
  loaded ??= load()
  try {
    return await loaded
  } catch (cause) {
    loaded = undefined
    throw new NotInstalledError(
      `video files need the package node-av with its binary for ${process.platform}-${process.arch}, which failed to load: ${(cause as Error).message}`,
      { cause },
    )
  }
}

/** @throws DECODE_FAILED with FFmpeg's reason where `code` is an error. */
export function check(av: Libav, code: number, name: string, doing: string): void {
  if (code >= 0) return
  throw new DecodeError(`${name}: ${doing} failed: ${av.FFmpegError.strerror(code)}`)
}
