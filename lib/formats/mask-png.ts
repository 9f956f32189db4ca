import { DecodeError } from '../engine/errors.js'
import { decodePng, type LabelImage, labelPalette, type PngSamples } from './png.js'

/** A binary mask of a file: u8 0/1, [height, width]. */
export interface MaskImage {
  data: Uint8Array
  width: number
  height: number
}

/** The luma of PIL's `convert('L')`, which the public scorers read masks with. */
const luma = (red: number, green: number, blue: number) =>
  (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16

/** 1 per palette entry that is not black once it is gray. */
function visibleEntries(palette: Uint8Array): Uint8Array {
  const visible = new Uint8Array(256)
  for (let i = 0; i * 3 + 2 < palette.length; i++) {
    visible[i] = +(luma(palette[i * 3]!, palette[i * 3 + 1]!, palette[i * 3 + 2]!) > 0)
  }
  return visible
}

/**
 * Reads a binary mask: any value that is not black is object. Indexed files count by the gray of
 * their colours, coloured ones by theirs; alpha is ignored.
 *
 * @param name of the file, for error messages.
 * @throws DECODE_FAILED for interlaced, 16-bit and broken files.
 */
export function decodeMaskPng(file: Uint8Array, name = 'PNG'): MaskImage {
  const { data, width, height, channels, palette } = decodePng(file, name)
  const mask = new Uint8Array(width * height)
  const visible = palette && visibleEntries(palette)
  for (let at = 0; at < mask.length; at++) {
    const p = at * channels
    if (visible) mask[at] = visible[data[p]!]!
    else if (channels >= 3) mask[at] = +(luma(data[p]!, data[p + 1]!, data[p + 2]!) > 0)
    else mask[at] = +(data[p] !== 0)
  }
  return { data: mask, width, height }
}

/**
 * Reads a label map: palette indices or gray values as stored; the colours of an RGB(A) file are
 * looked up in the label palette.
 *
 * @throws DECODE_FAILED for a colour that is not in the palette, and as `decodePng`.
 */
export function decodeLabels(file: Uint8Array, name = 'PNG'): LabelImage {
  const samples = decodePng(file, name)
  const { data, width, height, channels, palette } = samples
  if (channels >= 3) return { data: labelsOfColors(samples, name), width, height, indexed: false }
  const values = channels === 1 ? data : data.filter((_, i) => i % channels === 0)
  return { data: values, width, height, indexed: palette !== undefined }
}

/** A label map whose file may have more labels than a palette. */
export interface WideLabelImage extends Omit<LabelImage, 'data'> {
  data: Uint8Array | Uint16Array
}

/**
 * As decodeLabels, and gray files of 16 bits with labels up to 65535.
 *
 * @throws as decodeLabels.
 */
export function decodeWideLabels(file: Uint8Array, name = 'PNG'): WideLabelImage {
  const { data, depth, width, height } = decodePng(file, name, true)
  if (depth !== 16) return decodeLabels(file, name)
  const labels = Uint16Array.from({ length: width * height }, (_, i) => {
    return data[i * 2]! * 256 + data[i * 2 + 1]!
  })
  return { data: labels, width, height, indexed: false }
}

function labelsOfColors({ data, width, height, channels }: PngSamples, name: string): Uint8Array {
  const palette = labelPalette()
  const byColor = new Map<number, number>()
  for (let i = 255; i >= 0; i--) byColor.set(colorAt(palette, i * 3), i)
  const labels = new Uint8Array(width * height)
  for (let at = 0; at < labels.length; at++) {
    const label = byColor.get(colorAt(data, at * channels))
    if (label === undefined) {
      const color = data.subarray(at * channels, at * channels + 3).join(', ')
      throw new DecodeError(
        `${name}: colour (${color}) at (${at % width}, ${Math.floor(at / width)}) is not one of the label palette`,
      )
    }
    labels[at] = label
  }
  return labels
}

const colorAt = (data: Uint8Array, at: number) =>
  (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!
