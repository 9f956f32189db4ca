import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GrowingFile, toJson } from '../files.js'
import type { Sink } from '../sink.js'
import type { TrackFrame } from '../track-frame.js'

/** One line per point: frame, tNs (nanoseconds), objectId, x, y (pixels), score, source. */
function pointLines({ frameIndex: frame, timeNs: tNs, objects }: TrackFrame): string {
  return objects
    .flatMap(({ objectId, points, score, source }) =>
      points.map(({ x, y }) => `${toJson({ frame, tNs, objectId, x, y, score, source })}\n`),
    )
    .join('')
}

/** points.jsonl */
export async function openPoints(folder: string): Promise<Sink> {
  const path = join(folder, 'points.jsonl')
  await rm(path, { force: true })
  const file = await GrowingFile.open(path)
  return {
    write: frame => file.write(pointLines(frame)),
    close: async () => {
      await file.close()
      return { points: path }
    },
  }
}
