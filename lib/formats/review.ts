import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReviewFrame } from '../ground/review.js'
import { toJson, writeWhole } from './outputs.js'

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
