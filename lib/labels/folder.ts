import { basename, join, parse } from 'node:path'
import { checkSize, listFolder, readWideLabelFile } from '../datasets/files.js'
import { DatasetError } from '../engine/errors.js'
import type { WideLabelImage } from '../formats/mask-png.js'
import { encodeRle } from '../formats/rle.js'
import {
  type LabelledClip,
  type LabelledFrame,
  type LabelledMask,
  type LabelReadOptions,
  MOST_FRAMES,
  problemsOf,
} from './labels.js'

/** Label of pixels that belong to nothing and are not scored, in DAVIS' unsupervised set. */
const VOID = 255

/** Index of a mask file's frame: that of the picture of the same name, or the number in its name. */
function frameOf(path: string, stems: readonly string[] | null): number {
  const { name } = parse(path)
  if (stems) {
    const index = stems.indexOf(name)
    if (index >= 0) return index
    throw new DatasetError('extra', path, `no picture is called ${name}`)
  }
  const number = Number(/\d+$/.exec(name)?.[0])
  if (number < MOST_FRAMES) return number
  throw new DatasetError(
    'corrupt',
    path,
    `the name must end in the number of its frame, below ${MOST_FRAMES}`,
  )
}

/**
 * A mask per label; an 8-bit gray picture of 0 and 255 alone is one object. In pictures of 16 bits
 * every number but 0 is an object's.
 */
function masksOf({ data, width, height, indexed }: WideLabelImage): LabelledMask[] {
  const labels = [...new Set(data)].filter(label => label !== 0).sort((a, b) => a - b)
  const wide = data instanceof Uint16Array
  const binary = !wide && !indexed && labels.every(label => label === VOID)
  return labels
    .filter(label => wide || binary || label !== VOID)
    .map(label => {
      const mask = new Uint8Array(data.length)
      for (let at = 0; at < mask.length; at++) mask[at] = +(data[at] === label)
      return { objectId: binary ? 1 : label, rle: encodeRle(mask, width, height) }
    })
}

/**
 * Reads a folder of mask PNGs, one per frame, as DAVIS, YouTube-VOS and `ground` have them: the
 * stored value is the object's number, 0 is background, 255 counts as nothing. Gray PNGs of 0 and
 * 255 are one object. In gray PNGs of 16 bits 255 is a number like others.
 *
 * @param fileNames pictures of the clip in order; without them the number in a mask's name is its
 * frame.
 * @throws DATASET_INVALID naming the file, for one that is broken, of another size, or without
 * picture.
 */
export async function readLabelFolder(
  folder: string,
  fileNames: readonly string[] | null = null,
  options: LabelReadOptions = {},
): Promise<LabelledClip> {
  const problems = problemsOf(options, 'readLabelFolder')
  const names = ((await listFolder(folder)) ?? []).filter(name => /\.png$/i.test(name))
  if (names.length === 0) throw new DatasetError('missing', folder, 'the folder holds no PNG mask')
  const stems = fileNames?.map(name => parse(name).name) ?? null
  const frames: LabelledFrame[] = []
  let size: { width: number; height: number } | undefined
  for (const path of names.map(name => join(folder, name))) {
    try {
      const frameIndex = frameOf(path, stems)
      const image = await readWideLabelFile(path)
      size ??= { width: image.width, height: image.height }
      checkSize(path, image, size)
      frames.push({ frameIndex, masks: masksOf(image) })
    } catch (error) {
      problems.take(error)
    }
  }
  if (!size) throw new DatasetError('corrupt', folder, 'none of its PNG masks can be read')
  frames.sort((a, b) => a.frameIndex - b.frameIndex)
  const ids = new Set(frames.flatMap(({ masks }) => masks.map(({ objectId }) => objectId)))
  return {
    name: basename(folder),
    ...size,
    frameCount: fileNames?.length ?? 0,
    fileNames: fileNames && [...fileNames],
    objects: [...ids].sort((a, b) => a - b).map(objectId => ({ objectId, label: null })),
    frames,
  }
}
