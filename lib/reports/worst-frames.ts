import { join } from 'node:path'
import sharp from 'sharp'
import type { Dataset, LabelMap, Sequence } from '../datasets/dataset.js'
import { readLabelFile, readMaskFile } from '../datasets/files.js'
import { resultFile, resultParts } from '../datasets/results.js'
import { DatasetError, DecodeError } from '../engine/errors.js'
import type { Evaluation } from '../evaluate/run.js'
import { unionOfObjects } from '../evaluate/score-sequence.js'
import { readImage } from '../video/picture.js'
import type { RgbImage } from '../video/pixels.js'

/** A frame that went wrong, with its picture. */
export interface WorstFrame {
  sequence: string
  item: string
  text?: string
  frame: string
  j: number
  f: number
  /** data: URL of a picture with the mistakes drawn. */
  picture: string
}

/** Colours of the three kinds of pixels, RGB. */
export const MISTAKES = {
  right: [34, 197, 94],
  missed: [59, 130, 246],
  wrong: [239, 68, 68],
} as const

const WIDEST = 420

interface Found {
  sequence: string
  item: string
  text?: string
  at: number
  frame: string
  j: number
  f: number
}

/** The worst frame of every sentence or object, worst first. */
function rank({ records }: Evaluation): Found[] {
  const found = records.flatMap(record =>
    record.items.flatMap(({ id, text, frames, j, f }) => {
      if (frames.length === 0) return []
      const sums = frames.map((_, i) => j[i]! + f[i]!)
      const at = sums.indexOf(Math.min(...sums))
      const about = { sequence: record.id, item: id, ...(text === undefined ? {} : { text }) }
      return [{ ...about, at, frame: frames[at]!, j: j[at]!, f: f[at]! }]
    }),
  )
  return found.filter(({ j, f }) => j + f < 2).sort((a, b) => a.j + a.f - b.j - b.f)
}

/** What should be seen and what was said; for label maps all objects together. */
async function masksOf(
  dataset: Dataset,
  sequence: Sequence,
  { item, frame }: Found,
  results: string,
): Promise<{ truth: LabelMap; predicted: LabelMap | null }> {
  const parts = resultParts(dataset, sequence)
  const sentence = parts.find(({ expression }) => expression?.id === item)
  const annotation = parts.find(({ folder }) => folder.startsWith(`${item.split('/')[0]}/`))
  const part = sentence ?? annotation ?? parts[0]!
  const path = join(results, resultFile(part, frame))
  const orNull = <T>(read: Promise<T>) =>
    read.catch((error: unknown) => {
      if (error instanceof DatasetError) return null
      throw error
    })
  if (sentence) {
    const truth = unionOfObjects(await sequence.objects!(sentence.expression!, frame))
    return { truth, predicted: await orNull(readMaskFile(path)) }
  }
  return { truth: await sequence.labels!(frame), predicted: await orNull(readLabelFile(path)) }
}

async function backdrop(path: string | undefined, size: LabelMap): Promise<RgbImage> {
  const { width, height } = size
  try {
    const image = await readImage(path ?? '')
    if (image.width === width && image.height === height) return image
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
  }
  return { data: new Uint8Array(width * height * 3).fill(40), width, height }
}

/**
 * Tints the pixels that are right, missed and wrong. The picture under them turns gray, so that
 * nothing else has these colours.
 */
export function drawMistakes(
  image: RgbImage,
  truth: Uint8Array,
  predicted: Uint8Array,
): Uint8Array {
  const { data } = image
  const drawn = new Uint8Array(data.length)
  for (let at = 0; at < truth.length; at++) {
    const p = at * 3
    const gray = 0.3 * data[p]! + 0.59 * data[p + 1]! + 0.11 * data[p + 2]!
    const color = colorOf(truth[at]!, predicted[at]!)
    for (let c = 0; c < 3; c++) {
      drawn[p + c] = Math.round(color ? 0.4 * gray + 0.6 * color[c]! : 0.75 * gray + 20)
    }
  }
  return drawn
}

/** None for the background and for void. */
function colorOf(truth: number, predicted: number): readonly number[] | null {
  if (truth === 255) return null
  if (truth > 0) return predicted > 0 ? MISTAKES.right : MISTAKES.missed
  return predicted > 0 ? MISTAKES.wrong : null
}

async function draw(evaluation: Evaluation, found: Found): Promise<WorstFrame | null> {
  const { dataset, results } = evaluation
  const sequence = dataset.sequences.find(({ id }) => id === found.sequence)!
  const { truth, predicted } = await masksOf(dataset, sequence, found, results)
  const { width, height } = truth
  if (width === 0) return null
  const fits = predicted?.width === width && predicted.height === height
  const said = fits ? predicted.data : new Uint8Array(width * height)
  const image = await backdrop(sequence.pictures[sequence.frames.indexOf(found.frame)], truth)
  const drawn = drawMistakes(image, truth.data, said)
  const file = await sharp(drawn, { raw: { width, height, channels: 3 } })
    .resize({ width: WIDEST, kernel: width < WIDEST ? 'nearest' : 'lanczos3' })
    .webp({ quality: 82 })
    .toBuffer()
  const { at: _, ...about } = found
  return { ...about, picture: `data:image/webp;base64,${file.toString('base64')}` }
}

/** The frames with the lowest J + F, at most one per sentence or object, drawn. */
export async function worstFrames(evaluation: Evaluation, count = 12): Promise<WorstFrame[]> {
  const frames: WorstFrame[] = []
  for (const found of rank(evaluation).slice(0, count)) {
    const drawn = await draw(evaluation, found)
    if (drawn) frames.push(drawn)
  }
  return frames
}
