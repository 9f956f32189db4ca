import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { toJson, writeWhole } from '../files.js'
import { type ReviewFrame, ReviewList } from '../review-list.js'
import type { ClipAbout, Sink } from '../sink.js'

const toRecord = ({ frameIndex: frame, timeNs: tNs, agreement, objects }: ReviewFrame) => ({
  frame,
  tNs,
  agreement,
  objects,
})

/** rank, frame, seconds, agreement and the objects with theirs, the most disputed first. */
function toLine({ frameIndex, timeNs, agreement, objects }: ReviewFrame, rank: number): string {
  const list = objects.map(object => `${object.objectId}:${object.agreement.toFixed(4)}`).join(' ')
  const seconds = (Number(timeNs) / 1e9).toFixed(3)
  return [rank + 1, frameIndex, seconds, agreement.toFixed(4), list].join(',')
}

/** Writes review.json and review.csv into a folder and gives their paths. */
export async function writeReview(
  folder: string,
  query: string,
  ranked: readonly ReviewFrame[],
): Promise<{ review: string; reviewTable: string }> {
  await mkdir(folder, { recursive: true })
  const paths = { review: join(folder, 'review.json'), reviewTable: join(folder, 'review.csv') }
  await writeWhole(paths.review, `${toJson({ query, frames: ranked.map(toRecord) })}\n`)
  const lines = ['rank,frame,seconds,agreement,objects', ...ranked.map(toLine)]
  await writeWhole(paths.reviewTable, `${lines.join('\n')}\n`)
  return paths
}

/** review.json and review.csv: which frames to look at first. */
export async function openReview(folder: string, { query }: ClipAbout): Promise<Sink> {
  const list = new ReviewList()
  return {
    write: async frame => list.add(frame),
    close: () => writeReview(folder, query, list.ranked()),
  }
}
