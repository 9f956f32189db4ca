import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidArgumentError, typed } from '../../engine/errors.js'
import { addon } from '../../engine/loader.js'
import { writeWhole } from '../files.js'
import { encodeLabelLines } from '../png.js'
import type { Sink } from '../sink.js'
import { numberOf, type TrackFrame } from '../track-frame.js'

/** The last number of an 8-bit picture: readers take 255 for pixels that belong to nothing. */
const MOST_INDEXED = 254
const MOST_LABELS = 65535

/** Object numbers by pixel; 16 bits where a number needs them. */
async function encode({ objects, width, height }: TrackFrame): Promise<Buffer> {
  const numbers = Uint32Array.from(objects.map(object => numberOf(object, 'masks')))
  const largest = Math.max(0, ...numbers)
  if (largest > MOST_LABELS) {
    throw new InvalidArgumentError(`masks hold objects 1..${MOST_LABELS}, got ${largest}`)
  }
  const wide = largest > MOST_INDEXED
  const masks = objects.map(({ mask }) => mask.source)
  const request = { width, height, masks, numbers, wide }
  const lines = await typed(() => addon().labelLines(request))
  return encodeLabelLines(lines, width, height, wide)
}

/** Name of a frame's mask file. */
export const maskName = (frameIndex: number) => `${String(frameIndex).padStart(5, '0')}.png`

/**
 * masks/00000.png and so on: an 8-bit indexed picture per frame, or a 16-bit gray one for a frame
 * with an object above 254. Where objects overlap the first of the frame shows.
 */
export async function openMasks(parent: string): Promise<Sink> {
  const folder = join(parent, 'masks')
  await mkdir(folder, { recursive: true })
  const stale = (await readdir(folder)).filter(name => /^\d{5,}\.png$/.test(name))
  for (const name of stale) await rm(join(folder, name))
  return {
    write: async frame => {
      await writeWhole(join(folder, maskName(frame.frameIndex)), await encode(frame))
    },
    close: async () => ({ masks: folder }),
  }
}
