import { InvalidArgumentError } from '../engine/errors.js'

/**
 * How the bytes of a raw frame are laid out. Interleaved 8-bit channels in the named order; `nv12`
 * is a full luma plane followed by a half-size plane of interleaved Cb, Cr (BT.601, limited range,
 * as cameras give it).
 */
export type PixelFormat = 'rgb' | 'bgr' | 'rgba' | 'bgra' | 'gray' | 'nv12'

export const PIXEL_FORMATS: readonly PixelFormat[] = ['rgb', 'bgr', 'rgba', 'bgra', 'gray', 'nv12']

/** Longest side of a frame, in pixels. Larger ones are refused before anything is allocated. */
export const MAX_FRAME_SIDE = 16384

/** A frame as the caller has it. */
export interface RawFrame {
  data: Uint8Array | Uint8ClampedArray
  /** Pixels, 1 .. 16384. */
  width: number
  height: number
  /** Default 'rgb'. */
  format?: PixelFormat
  /** Bytes from one row to the next. Default: rows without padding. */
  stride?: number
  /** Time of the frame in nanoseconds. Default: the frame's number at 30 frames/s. */
  timeNs?: bigint | number
}

/** Tightly packed 8-bit RGB, row-major: width * height * 3 bytes. */
export interface RgbImage {
  data: Uint8Array
  width: number
  height: number
  /**
   * Width of a pixel over its height, as the picture is shown. Default 1. Coordinates and masks count
   * the pixels as they are stored.
   */
  pixelAspect?: number
}

const BYTES_PER_PIXEL: Record<PixelFormat, number> = {
  rgb: 3,
  bgr: 3,
  rgba: 4,
  bgra: 4,
  gray: 1,
  nv12: 1,
}

/** Throws INVALID_ARGUMENT unless width and height can be those of a frame. */
export function checkFrameSize(width: number, height: number, what: string): void {
  for (const [name, value] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > MAX_FRAME_SIDE) {
      throw new InvalidArgumentError(
        `${what}: ${name} must be an integer in 1..${MAX_FRAME_SIDE}, got ${value}`,
      )
    }
  }
}

/** Bytes that a frame of this layout needs; the last row needs no padding. */
function requiredBytes(format: PixelFormat, width: number, height: number, stride: number): number {
  if (format === 'nv12') {
    const chromaRows = Math.ceil(height / 2)
    return stride * (height + chromaRows - 1) + 2 * Math.ceil(width / 2)
  }
  return stride * (height - 1) + width * BYTES_PER_PIXEL[format]
}

function checkRawFrame(frame: RawFrame, what: string): { format: PixelFormat; stride: number } {
  if (frame === null || typeof frame !== 'object') {
    throw new InvalidArgumentError(`${what} must be an object with data, width and height`)
  }
  const { data, width, height, format = 'rgb' } = frame
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new InvalidArgumentError(`${what}: data must be a Uint8Array or Uint8ClampedArray`)
  }
  if (!PIXEL_FORMATS.includes(format)) {
    throw new InvalidArgumentError(
      `${what}: format must be one of ${PIXEL_FORMATS.join(', ')}, got ${JSON.stringify(format)}`,
    )
  }
  checkFrameSize(width, height, what)
  const rowBytes = format === 'nv12' ? 2 * Math.ceil(width / 2) : width * BYTES_PER_PIXEL[format]
  const stride = frame.stride ?? rowBytes
  if (!Number.isInteger(stride) || stride < rowBytes) {
    throw new InvalidArgumentError(
      `${what}: stride must be an integer of at least ${rowBytes} bytes for ${width} ${format} pixels, got ${stride}`,
    )
  }
  const needed = requiredBytes(format, width, height, stride)
  if (data.byteLength < needed) {
    const state = data.byteLength === 0 ? 'is empty or was detached' : `has ${data.byteLength}`
    throw new InvalidArgumentError(
      `${what}: a ${width}x${height} ${format} frame needs ${needed} bytes, data ${state}`,
    )
  }
  return { format, stride }
}

/**
 * Checks a raw frame and copies it to packed RGB. Alpha is dropped, gray is repeated in the three
 * channels.
 *
 * @param what names the frame in error messages.
 * @throws INVALID_ARGUMENT for an unknown format, a bad size or stride, a short or detached buffer.
 */
export function toRgb(frame: RawFrame, what = 'frame'): RgbImage {
  const { format, stride } = checkRawFrame(frame, what)
  const { data, width, height } = frame
  const rgb = new Uint8Array(width * height * 3)
  if (format === 'rgb') copyRows(data, stride, rgb, width * 3, height)
  else if (format === 'nv12') nv12ToRgb(data, stride, rgb, width, height)
  else interleavedToRgb(data, stride, rgb, width, height, format)
  return { data: rgb, width, height }
}

/** Removes the padding of rows: [height, stride] bytes to [height, rowBytes]. */
export function copyRows(
  source: Uint8Array | Uint8ClampedArray,
  stride: number,
  target: Uint8Array,
  rowBytes: number,
  height: number,
): void {
  if (stride === rowBytes) {
    target.set(source.subarray(0, rowBytes * height))
    return
  }
  for (let y = 0; y < height; y++) {
    target.set(source.subarray(y * stride, y * stride + rowBytes), y * rowBytes)
  }
}

function interleavedToRgb(
  source: Uint8Array | Uint8ClampedArray,
  stride: number,
  rgb: Uint8Array,
  width: number,
  height: number,
  format: 'bgr' | 'rgba' | 'bgra' | 'gray',
): void {
  const step = BYTES_PER_PIXEL[format]
  const swapped = format === 'bgr' || format === 'bgra'
  const red = swapped ? 2 : 0
  const green = format === 'gray' ? 0 : 1
  const blue = format === 'gray' ? 0 : swapped ? 0 : 2
  let out = 0
  for (let y = 0; y < height; y++) {
    let at = y * stride
    for (let x = 0; x < width; x++, at += step, out += 3) {
      rgb[out] = source[at + red]!
      rgb[out + 1] = source[at + green]!
      rgb[out + 2] = source[at + blue]!
    }
  }
}

const clampByte = (value: number) => (value < 0 ? 0 : value > 255 ? 255 : Math.round(value))

function nv12ToRgb(
  source: Uint8Array | Uint8ClampedArray,
  stride: number,
  rgb: Uint8Array,
  width: number,
  height: number,
): void {
  const chroma = stride * height
  let out = 0
  for (let y = 0; y < height; y++) {
    const chromaRow = chroma + (y >> 1) * stride
    for (let x = 0; x < width; x++, out += 3) {
      const luma = (255 / 219) * (source[y * stride + x]! - 16)
      const cb = source[chromaRow + (x & ~1)]! - 128
      const cr = source[chromaRow + (x & ~1) + 1]! - 128
      rgb[out] = clampByte(luma + 1.596027 * cr)
      rgb[out + 1] = clampByte(luma - 0.391762 * cb - 0.812968 * cr)
      rgb[out + 2] = clampByte(luma + 2.017232 * cb)
    }
  }
}
