import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { DecodeError, InvalidArgumentError } from '../engine/errors.js'
import type { ClipOptions, Frame, FrameSource } from './frame.js'
import { naturalOrder } from './natural-order.js'
import { FOREIGN_ENDINGS, IMAGE_ENDINGS, isImagePath, readImage } from './picture.js'
import { clipWarning, warnProcess } from './warning.js'

/** Pictures carry no time; a folder of them is given this rate. */
export const PICTURE_FRAME_RATE = 30

/**
 * Pictures in the given order, one frame each. A picture that cannot be read is always an error:
 * passed over, it would shift the numbers of the frames behind it.
 */
export function openImageFiles(
  paths: readonly string[],
  name: string,
  options: ClipOptions = {},
): FrameSource {
  const frameCount = paths.length
  let first: { width: number; height: number } | undefined
  async function* from(start: number): AsyncGenerator<Frame> {
    for (let index = start; index < frameCount; index++) {
      const path = paths[index]!
      const since = performance.now()
      const image = await readImage(path, options)
      const { width, height } = image
      first ??= { width, height }
      if (width !== first.width || height !== first.height) {
        throw new DecodeError(
          `${path} is ${width}x${height}, but the first frame is ${first.width}x${first.height}; all frames must have one size`,
        )
      }
      const timeNs = (BigInt(index) * 1_000_000_000n) / BigInt(PICTURE_FRAME_RATE)
      yield { ...image, index, timeNs, decodeMs: performance.now() - since }
    }
  }
  return {
    frameCount,
    expectedFrames: frameCount,
    frameRate: frameCount > 1 ? PICTURE_FRAME_RATE : null,
    name,
    access: {
      count: () => Promise.resolve({ frameCount, failure: null }),
      startFor: index => index,
      from,
    },
    [Symbol.asyncIterator]: () => from(0),
  }
}

/** A clip of one frame. */
export const openImageFile = (path: string, options: ClipOptions = {}): FrameSource =>
  openImageFiles([path], basename(path), options)

/**
 * The pictures of a folder, as `listImages` orders them.
 *
 * @throws INVALID_ARGUMENT when the folder holds no picture.
 */
export async function openImageFolder(
  folder: string,
  options: ClipOptions = {},
): Promise<FrameSource> {
  return openImageFiles(await listImages(folder, options), basename(folder), options)
}

/**
 * Paths of the pictures of a folder in the order of its frames: by name, numbers by their value.
 * Hidden files are passed over, as are those that file systems keep beside others (`._1.png`), and so is
 * what is no picture; pictures of a kind that cannot be read are told.
 *
 * @throws INVALID_ARGUMENT when the folder holds no picture.
 */
export async function listImages(
  folder: string,
  { onWarning = warnProcess }: ClipOptions = {},
): Promise<string[]> {
  const names = (await readdir(folder)).filter(name => !name.startsWith('.')).sort(naturalOrder)
  const foreign = names.filter(name => FOREIGN_ENDINGS.includes(extname(name).toLowerCase()))
  const readable = names.filter(isImagePath)
  const others =
    foreign.length > 0 ? `passed over, of kinds that cannot be read: ${some(foreign)}` : ''
  if (readable.length === 0) {
    const kinds = IMAGE_ENDINGS.join(', ')
    throw new InvalidArgumentError(
      `${folder}: the folder holds no picture (${kinds})${others && `; ${others}`}`,
    )
  }
  if (others) onWarning(clipWarning('PASSED_OVER', folder, others))
  return readable.map(name => join(folder, name))
}

/** The first names, and how many more there are. */
function some(names: readonly string[]): string {
  const more = names.length - 3
  return more > 0 ? `${names.slice(0, 3).join(', ')} and ${more} more` : names.join(', ')
}
