import { extname } from 'node:path'
import sharp, { type OutputInfo } from 'sharp'
import { DecodeError } from '../engine/errors.js'
import { Damage } from './damage.js'
import { decodePictures } from './decode.js'
import type { PictureOptions } from './frame.js'
import { openMedia, picturePlace } from './media.js'
import { MAX_FRAME_SIDE, type RgbImage } from './pixels.js'
import { RgbConverter } from './rgb.js'

/** Endings of pictures that sharp reads, lower case. */
const SHARP_ENDINGS = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.avif']

/** FFmpeg's names of those that it reads in its place. */
const FFMPEG_FORMATS: Readonly<Record<string, string>> = {
  '.bmp': 'bmp_pipe',
  '.ppm': 'ppm_pipe',
  '.pgm': 'pgm_pipe',
  '.pbm': 'pbm_pipe',
}

/** Endings of the files that count as pictures, lower case. */
export const IMAGE_ENDINGS = [...SHARP_ENDINGS, ...Object.keys(FFMPEG_FORMATS)]

/** Endings of pictures that cannot be read: cameras' own kinds, film scans, drawings, animations. */
export const FOREIGN_ENDINGS = [
  ...['.heic', '.heif', '.jxl', '.jp2', '.gif', '.tga', '.psd', '.svg', '.exr', '.hdr', '.dpx'],
  ...['.dng', '.raw', '.arw', '.cr2', '.cr3', '.nef', '.orf', '.raf', '.rw2'],
]

const endingOf = (path: string) => extname(path).toLowerCase()

export const isImagePath = (path: string) => IMAGE_ENDINGS.includes(endingOf(path))

/**
 * Decodes a picture to packed 8-bit RGB as PIL's `convert('RGB')` does: alpha is dropped, palette
 * and gray are expanded, the EXIF orientation is not applied unless that is asked for.
 *
 * @throws DECODE_FAILED for a missing or broken file, or one whose sides exceed 16384 pixels.
 */
export async function readImage(path: string, options: PictureOptions = {}): Promise<RgbImage> {
  const format = FFMPEG_FORMATS[endingOf(path)]
  const image = format ? await readWithFfmpeg(path, format) : await readWithSharp(path, options)
  if (Math.max(image.width, image.height) > MAX_FRAME_SIDE) {
    throw new DecodeError(
      `${path}: the picture is ${image.width}x${image.height}; sides must lie in 1..${MAX_FRAME_SIDE}`,
    )
  }
  return image
}

async function readWithSharp(
  path: string,
  { exifOrientation = false }: PictureOptions,
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
  return { data: new Uint8Array(data), width: info.width, height: info.height }
}

async function readWithFfmpeg(path: string, format: string): Promise<RgbImage> {
  const media = await openMedia(picturePlace(path, format))
  const converter = new RgbConverter(media.av, path)
  const damage = new Damage(path, true)
  try {
    for await (const picture of decodePictures(media, damage)) {
      return await converter.convert(picture)
    }
    damage.checkEnd(0, 0)
    throw new DecodeError(`${path}: the file holds no picture`)
  } finally {
    converter.free()
    await media.input.closeInput()
  }
}
