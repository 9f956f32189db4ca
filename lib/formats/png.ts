import { promisify } from 'node:util'
import { crc32, deflate, inflateSync } from 'node:zlib'
import { DecodeError, InvalidArgumentError } from '../engine/errors.js'
import { MAX_FRAME_SIDE } from '../video/pixels.js'

/**
 * PNG files whose stored values are what counts: masks and label maps. Pictures go through sharp,
 * which shows colours and not indices.
 */
export interface LabelImage {
  /** Palette indices or gray values as stored, [height, width]. */
  data: Uint8Array
  width: number
  height: number
  indexed: boolean
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const GRAY = 0
const RGB = 2
const INDEXED = 3
const GRAY_ALPHA = 4
const RGBA = 6

/** Samples per pixel of each colour type. */
const CHANNELS: { [colorType: number]: number } = {
  [GRAY]: 1,
  [RGB]: 3,
  [INDEXED]: 1,
  [GRAY_ALPHA]: 2,
  [RGBA]: 4,
}

const compress = promisify(deflate)

/** The PASCAL VOC colour map that label maps use: 256 RGB triples, index 0 black. */
export function labelPalette(): Uint8Array {
  const palette = new Uint8Array(768)
  for (let index = 0; index < 256; index++) {
    for (let j = 0; j < 8; j++) {
      for (let channel = 0; channel < 3; channel++) {
        palette[index * 3 + channel]! |= ((index >> (3 * j + channel)) & 1) << (7 - j)
      }
    }
  }
  return palette
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const length = Buffer.alloc(4)
  const check = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

/**
 * Writes a label map as an 8-bit indexed PNG with the full 256-colour palette.
 *
 * @param data u8 labels, [height, width].
 */
export async function encodeLabelPng(
  data: Uint8Array,
  width: number,
  height: number,
  palette: Uint8Array = labelPalette(),
): Promise<Buffer> {
  return encode(data, width, height, palette)
}

/** Writes u8 gray values, [height, width], as an 8-bit gray PNG. */
export async function encodeGrayPng(
  data: Uint8Array,
  width: number,
  height: number,
): Promise<Buffer> {
  return encode(data, width, height)
}

/**
 * Writes label maps whose lines are laid out already (`AddonMaskJobs.labelLines`): 8-bit indexed with
 * the full palette, or 16-bit gray.
 */
export function encodeLabelLines(
  lines: Uint8Array,
  width: number,
  height: number,
  wide: boolean,
): Promise<Buffer> {
  return encodeLines(lines, width, height, wide ? undefined : labelPalette(), wide ? 16 : 8)
}

async function encode(data: Uint8Array, width: number, height: number, palette?: Uint8Array) {
  if (data.length !== width * height) {
    throw new InvalidArgumentError(
      `a ${width}x${height} label map needs ${width * height} bytes, got ${data.length}`,
    )
  }
  const lines = new Uint8Array((width + 1) * height)
  for (let y = 0; y < height; y++) {
    lines.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  }
  return encodeLines(lines, width, height, palette)
}

/** @param lines each a filter and the samples of a row, big-endian. */
async function encodeLines(
  lines: Uint8Array,
  width: number,
  height: number,
  palette?: Uint8Array,
  depth: 8 | 16 = 8,
): Promise<Buffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, palette ? INDEXED : GRAY, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', palette)] : []),
    chunk('IDAT', await compress(lines)),
    chunk('IEND', new Uint8Array(0)),
  ])
}

interface Header {
  width: number
  height: number
  depth: number
  colorType: number
}

function readHeader(data: Buffer, name: string, deep: boolean): Header {
  const header = {
    width: data.readUInt32BE(0),
    height: data.readUInt32BE(4),
    depth: data[8]!,
    colorType: data[9]!,
  }
  const { width, height, depth, colorType } = header
  const depths = [GRAY, INDEXED].includes(colorType) ? [1, 2, 4, 8] : [8]
  if (deep && colorType === GRAY) depths.push(16)
  if (!CHANNELS[colorType] || !depths.includes(depth) || data[12] !== 0) {
    throw new DecodeError(
      `${name}: a mask must be an indexed or gray PNG of 1, 2, 4 or 8 bits or a coloured one of 8 bits, without interlacing, got colour type ${colorType}, ${depth} bits, interlace ${data[12]}`,
    )
  }
  if (Math.min(width, height) < 1 || Math.max(width, height) > MAX_FRAME_SIDE) {
    throw new DecodeError(`${name}: sides must lie in 1..${MAX_FRAME_SIDE}, got ${width}x${height}`)
  }
  return header
}

/** Undoes the five line filters of PNG. */
function unfilter(lines: Buffer, rowBytes: number, height: number, pixel: number): Uint8Array {
  const rows = new Uint8Array(rowBytes * height)
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (rowBytes + 1)]!
    const line = lines.subarray(y * (rowBytes + 1) + 1, (y + 1) * (rowBytes + 1))
    if (filter === 0) {
      rows.set(line, y * rowBytes)
      continue
    }
    for (let x = 0; x < rowBytes; x++) {
      const at = y * rowBytes + x
      const left = x >= pixel ? rows[at - pixel]! : 0
      const up = y > 0 ? rows[at - rowBytes]! : 0
      const corner = x >= pixel && y > 0 ? rows[at - rowBytes - pixel]! : 0
      rows[at] = line[x]! + guess(filter, left, up, corner)
    }
  }
  return rows
}

function guess(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  return filter === 3 ? (left + up) >> 1 : paeth(left, up, corner)
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner
  const a = Math.abs(estimate - left)
  const b = Math.abs(estimate - up)
  const c = Math.abs(estimate - corner)
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** A PNG file's samples as stored. */
export interface PngSamples {
  /** One byte per sample, [height, width, channels]; two, the higher first, where `depth` is 16. */
  data: Uint8Array
  /** Bits per sample in the file. */
  depth: number
  width: number
  height: number
  /** 1: gray or palette index, 2: gray and alpha, 3: RGB, 4: RGBA. */
  channels: number
  /** RGB triples of an indexed file. */
  palette?: Uint8Array
}

/**
 * Reads the stored samples of a PNG without colour conversion.
 *
 * @param name of the file, for error messages.
 * @param deep take gray files of 16 bits too.
 * @throws DECODE_FAILED for interlaced and 16-bit files, and for broken ones.
 */
export function decodePng(file: Uint8Array, name = 'PNG', deep = false): PngSamples {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  if (!bytes.subarray(0, 8).equals(SIGNATURE)) throw new DecodeError(`${name}: not a PNG file`)
  let header: Header | undefined
  let palette: Uint8Array | undefined
  const parts: Buffer[] = []
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const type = bytes.toString('latin1', at + 4, at + 8)
    const data = bytes.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR' && data.length >= 13) header = readHeader(data, name, deep)
    else if (type === 'PLTE') palette = data
    else if (type === 'IDAT') parts.push(data)
    at += length + 12
  }
  if (!header) throw new DecodeError(`${name}: the PNG has no header`)
  const { width, height, depth, colorType } = header
  const channels = CHANNELS[colorType]!
  const rowBytes = Math.ceil((width * depth * channels) / 8)
  const lines = inflate(parts, (rowBytes + 1) * height, name)
  const rows = unfilter(lines, rowBytes, height, channels * Math.ceil(depth / 8))
  const data = depth < 8 ? unpack(rows, header, rowBytes) : rows
  const colors = colorType === INDEXED ? { palette: palette ?? new Uint8Array(0) } : {}
  return { data, depth, width, height, channels, ...colors }
}

/** One byte per sample from 1, 2 or 4 bits. */
function unpack(rows: Uint8Array, { width, height, depth }: Header, rowBytes: number): Uint8Array {
  const data = new Uint8Array(width * height)
  for (let at = 0; at < data.length; at++) {
    const bit = (at % width) * depth
    const byte = rows[Math.floor(at / width) * rowBytes + (bit >> 3)]!
    data[at] = (byte >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
  }
  return data
}

/**
 * Reads the stored values of an indexed or gray PNG.
 *
 * @param name of the file, for error messages.
 * @throws DECODE_FAILED for any other kind of PNG, or a broken one.
 */
export function decodeLabelPng(file: Uint8Array, name = 'PNG'): LabelImage {
  const { data, width, height, channels, palette } = decodePng(file, name)
  if (channels !== 1) {
    throw new DecodeError(
      `${name}: a label map must be an indexed or gray PNG, got ${channels} channels`,
    )
  }
  return { data, width, height, indexed: palette !== undefined }
}

function inflate(parts: Buffer[], expected: number, name: string): Buffer {
  let lines: Buffer
  try {
    lines = inflateSync(Buffer.concat(parts), { maxOutputLength: expected + 1 })
  } catch (cause) {
    throw new DecodeError(`${name}: the PNG data is broken`, { cause })
  }
  if (lines.length === expected) return lines
  throw new DecodeError(`${name}: expected ${expected} bytes of pixels, got ${lines.length}`)
}
