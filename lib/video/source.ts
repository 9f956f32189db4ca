import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { DecodeError, InvalidArgumentError } from '../engine/errors.js'
import { openVideoFile, openVideoUrl } from './file.js'
import type { ClipOptions, ClipSource, Frame, FrameSource, UrlSource } from './frame.js'
import { openImageFile, openImageFolder } from './images.js'
import { openRawFrames } from './memory.js'
import { isImagePath } from './picture.js'
import type { RawFrame } from './pixels.js'

async function openPath(path: string, options: ClipOptions): Promise<FrameSource> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file or folder' : cause.message
    throw new DecodeError(`${path}: ${reason}`, { cause })
  })
  if (found.isDirectory()) return openImageFolder(path, options)
  if (found.size === 0) throw new DecodeError(`${path}: the file is empty`)
  return isImagePath(path) ? openImageFile(path, options) : openVideoFile(path, options)
}

/** Ends with DECODE_FAILED instead of silence when a source holds no frame at all. */
function nonEmpty(source: FrameSource): FrameSource {
  const { access } = source
  const empty = () => new DecodeError(`${source.name}: the video has no frames`)
  async function* frames(): AsyncGenerator<Frame> {
    let given = false
    for await (const frame of source) {
      given = true
      yield frame
    }
    if (!given) throw empty()
  }
  const count = async () => {
    const extent = await access!.count()
    if (extent.frameCount === 0) throw empty()
    return extent
  }
  return {
    frameCount: source.frameCount,
    expectedFrames: source.expectedFrames,
    frameRate: source.frameRate,
    name: source.name,
    access: access && {
      count,
      startFor: index => access.startFor(index),
      from: start => access.from(start),
    },
    [Symbol.asyncIterator]: frames,
  }
}

const isRawFrame = (value: object): value is RawFrame => 'data' in value && 'width' in value

const isIterable = (value: object): value is Iterable<RawFrame> | AsyncIterable<RawFrame> =>
  Symbol.iterator in value || Symbol.asyncIterator in value

const isUrlSource = (value: object): value is UrlSource =>
  'url' in value && typeof value.url === 'string'

/** @throws INVALID_ARGUMENT for what leads to this machine's files or to nothing. */
function openUrl(url: string, options: ClipOptions): FrameSource {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) && !/^file:/i.test(url))
    return openVideoUrl(url, options)
  throw new InvalidArgumentError(
    `source: url must be one of the network (rtsp://, https://, srt://), got ${JSON.stringify(url)}; a file is named by its path alone`,
  )
}

function checkClipOptions({ onDecodeError, onWarning }: ClipOptions): void {
  if (onDecodeError !== undefined && onDecodeError !== 'skip' && onDecodeError !== 'fail') {
    throw new InvalidArgumentError(
      `onDecodeError must be skip or fail, got ${JSON.stringify(onDecodeError)}`,
    )
  }
  if (onWarning !== undefined && typeof onWarning !== 'function') {
    throw new InvalidArgumentError(`onWarning must be a function, got ${typeof onWarning}`)
  }
}

/**
 * Opens a clip: the path or file URL of a video, a picture or a folder of pictures; a video on the
 * network as `{ url }`; one raw frame; or an iterable of raw frames.
 *
 * @throws DECODE_FAILED for a missing, unreadable or empty file; INVALID_ARGUMENT for anything else
 * that is no clip. Broken or resized frames and empty videos raise their errors during the
 * iteration.
 */
export async function openClip(
  source: ClipSource,
  options: ClipOptions = {},
): Promise<FrameSource> {
  checkClipOptions(options)
  if (typeof source === 'string') return nonEmpty(await openPath(source, options))
  if (source instanceof URL) {
    if (source.protocol !== 'file:') {
      throw new InvalidArgumentError(
        `source: only file: URLs can be read, got ${source.protocol}; a video on the network is { url: '…' }`,
      )
    }
    return nonEmpty(await openPath(fileURLToPath(source), options))
  }
  if (source !== null && typeof source === 'object') {
    if (isRawFrame(source)) return nonEmpty(openRawFrames([source]))
    if (isIterable(source)) return nonEmpty(openRawFrames(source))
    if (isUrlSource(source)) return nonEmpty(openUrl(source.url, options))
  }
  throw new InvalidArgumentError(
    'source must be a path, a file URL, { url }, a raw frame or an iterable of raw frames',
  )
}
