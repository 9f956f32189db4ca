import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { DecodeError, InvalidArgumentError } from '../engine/errors.js'
import { openVideoFile } from './file.js'
import type { ClipOptions, ClipSource, Frame, FrameSource } from './frame.js'
import { isImagePath, openImageFile, openImageFolder } from './images.js'
import { openRawFrames } from './memory.js'
import type { RawFrame } from './pixels.js'

async function openPath(path: string, options: ClipOptions): Promise<FrameSource> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file or folder' : cause.message
    throw new DecodeError(`${path}: ${reason}`, { cause })
  })
  if (found.isDirectory()) return openImageFolder(path, options)
  if (found.size === 0) throw new DecodeError(`${path}: the file is empty`)
  return isImagePath(path) ? openImageFile(path, options) : openVideoFile(path)
}

/** Ends with DECODE_FAILED instead of silence when a source holds no frame at all. */
function nonEmpty(source: FrameSource): FrameSource {
  async function* frames(): AsyncGenerator<Frame> {
    let empty = true
    for await (const frame of source) {
      empty = false
      yield frame
    }
    if (empty) throw new DecodeError(`${source.name}: the video has no frames`)
  }
  const { frameCount, frameRate, name, reopen } = source
  return {
    frameCount,
    frameRate,
    name,
    reopen: reopen && (() => reopen().then(nonEmpty)),
    [Symbol.asyncIterator]: frames,
  }
}

const isRawFrame = (value: object): value is RawFrame => 'data' in value && 'width' in value

const isIterable = (value: object): value is Iterable<RawFrame> | AsyncIterable<RawFrame> =>
  Symbol.iterator in value || Symbol.asyncIterator in value

/**
 * Opens a clip: the path or file URL of a video, a picture or a folder of pictures; one raw frame;
 * or an iterable of raw frames.
 *
 * @throws DECODE_FAILED for a missing, unreadable or empty file; INVALID_ARGUMENT for anything else
 * that is no clip. Broken or resized frames and empty videos raise their errors during the
 * iteration.
 */
export async function openClip(
  source: ClipSource,
  options: ClipOptions = {},
): Promise<FrameSource> {
  if (typeof source === 'string') return nonEmpty(await openPath(source, options))
  if (source instanceof URL) {
    if (source.protocol !== 'file:') {
      throw new InvalidArgumentError(`source: only file: URLs can be read, got ${source.protocol}`)
    }
    return nonEmpty(await openPath(fileURLToPath(source), options))
  }
  if (source !== null && typeof source === 'object') {
    if (isRawFrame(source)) return nonEmpty(openRawFrames([source]))
    if (isIterable(source)) return nonEmpty(openRawFrames(source))
  }
  throw new InvalidArgumentError(
    'source must be a path, a file URL, a raw frame or an iterable of raw frames',
  )
}
