import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import sharp, { type OutputInfo } from 'sharp'
import { DecodeError, InvalidArgumentError } from '../engine/errors.js'
import type { ClipOptions, Frame, FrameSource } from './frame.js'
import { MAX_FRAME_SIDE, type RgbImage } from './pixels.js'

/** Endings of the files that count as pictures, lower case. */
export const IMAGE_ENDINGS = ['.jpg', '.jpeg', '.png', '.webp']

/** Pictures carry no time; a folder of them is given this rate. */
export const PICTURE_FRAME_RATE = 30

export const isImagePath = (path: string) => IMAGE_ENDINGS.includes(extname(path).toLowerCase())

/**
 * Decodes a picture to packed 8-bit RGB as PIL's `convert('RGB')` does: alpha is dropped, palette
 * and gray are expanded, the EXIF orientation is not applied unless that is asked for.
 *
 * @throws DECODE_FAILED for a missing or broken file, or one whose sides exceed 16384 pixels.
 */
export async function readImage(
  path: string,
  { exifOrientation = false }: ClipOptions = {},
): Promise<RgbImage> {
  let decoded: { data: Buffer; info: OutputInfo }
  try {
    const picture = sharp(path, { failOn: 'error', limitInputPixels: MAX_FRAME_SIDE ** 2 })
    decoded = await (exifOrientation ? picture.autoOrient() : picture)
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
  } catch (cause) {
    throw new DecodeError(`${path}: the picture cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  const { data, info } = decoded
  if (info.channels !== 3) {
    throw new DecodeError(`${path}: expected 3 colour channels, got ${info.channels}`)
  }
  if (Math.max(info.width, info.height) > MAX_FRAME_SIDE) {
    throw new DecodeError(
      `${path}: the picture is ${info.width}x${info.height}; sides must lie in 1..${MAX_FRAME_SIDE}`,
    )
  }
  return { data: new Uint8Array(data), width: info.width, height: info.height }
}

async function* pictures(paths: readonly string[], options: ClipOptions): AsyncGenerator<Frame> {
  let first: RgbImage | undefined
  for (const [index, path] of paths.entries()) {
    const since = performance.now()
    const image = await readImage(path, options)
    first ??= image
    if (image.width !== first.width || image.height !== first.height) {
      throw new DecodeError(
        `${path} is ${image.width}x${image.height}, but the first frame is ${first.width}x${first.height}; all frames must have one size`,
      )
    }
    const timeNs = (BigInt(index) * 1_000_000_000n) / BigInt(PICTURE_FRAME_RATE)
    yield { ...image, index, timeNs, decodeMs: performance.now() - since }
  }
}

/** Pictures in the given order, one frame each. */
export function openImageFiles(
  paths: readonly string[],
  name: string,
  options: ClipOptions = {},
): FrameSource {
  return {
    frameCount: paths.length,
    frameRate: paths.length > 1 ? PICTURE_FRAME_RATE : null,
    name,
    reopen: () => Promise.resolve(openImageFiles(paths, name, options)),
    [Symbol.asyncIterator]: () => pictures(paths, options),
  }
}

/** A clip of one frame. */
export const openImageFile = (path: string, options: ClipOptions = {}): FrameSource =>
  openImageFiles([path], basename(path), options)

/**
 * The pictures of a folder, sorted by name as plain strings. Other files are passed over.
 *
 * @throws INVALID_ARGUMENT when the folder holds no picture.
 */
export async function openImageFolder(
  folder: string,
  options: ClipOptions = {},
): Promise<FrameSource> {
  return openImageFiles(await listImages(folder), basename(folder), options)
}

/**
 * Paths of the pictures of a folder, in the order of its frames.
 *
 * @throws INVALID_ARGUMENT when the folder holds no picture.
 */
export async function listImages(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter(isImagePath).sort()
  if (names.length > 0) return names.map(name => join(folder, name))
  throw new InvalidArgumentError(
    `${folder}: the folder holds no picture (${IMAGE_ENDINGS.join(', ')})`,
  )
}
