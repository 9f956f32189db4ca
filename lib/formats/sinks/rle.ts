import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GrowingFile, toJson } from '../files.js'
import type { ClipAbout, Sink } from '../sink.js'
import { maskOf, type TrackFrame } from '../track-frame.js'

/** COCO run lengths per object and of the whole frame. */
function frameRecord(frame: TrackFrame) {
  return {
    frame: frame.frameIndex,
    tNs: frame.timeNs,
    mask: maskOf(frame).toRLE(),
    objects: frame.objects.map(({ objectId, mask, score, source }) => ({
      objectId,
      score,
      source,
      segmentation: mask.toRLE(),
    })),
  }
}

/** masks.json: the query, the frames' size, and one record per frame. */
export async function openRle(folder: string, { query }: ClipAbout): Promise<Sink> {
  const path = join(folder, 'masks.json')
  await rm(path, { force: true })
  const file = await GrowingFile.open(path)
  const head = `{"query":${JSON.stringify(query)},`
  let frames = 0
  return {
    write: async frame => {
      const { width, height } = frame
      const start = `${head}"width":${width},"height":${height},"frames":[\n`
      await file.write((frames++ === 0 ? start : ',\n') + toJson(frameRecord(frame)))
    },
    close: async () => {
      if (frames === 0) await file.write(`${head}"frames":[`)
      await file.write('\n]}\n')
      await file.close()
      return { rle: path }
    },
  }
}
