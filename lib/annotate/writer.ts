import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GrowingFile, toJson } from '../formats/files.js'
import type { AnnotatedFrame } from './clip.js'
import { type ConversationOptions, toConversations } from './conversations.js'

/**
 * One line per object with a point: clip, frame, tNs (nanoseconds), objectId, label, x, y (pixels),
 * iou of SAM 2's mask with the given one, score (SAM 2's own estimate of it) and all candidates.
 */
export function annotatedLines(frame: AnnotatedFrame): string {
  const { clip, frameIndex, timeNs: tNs } = frame
  return frame.objects
    .flatMap(({ objectId, label, chosen }) => {
      if (!chosen) return []
      const { x, y, iou, score, candidates } = chosen
      const line = { clip, frame: frameIndex, tNs, objectId, label, x, y, iou, score, candidates }
      return `${toJson(line)}\n`
    })
    .join('')
}

/**
 * Writes points.jsonl and conversations.jsonl into a folder as frames are annotated; `close`
 * completes the files.
 */
export class AnnotationWriter {
  readonly paths: { points: string; conversations: string }
  readonly #points: GrowingFile
  readonly #conversations: GrowingFile

  private constructor(
    paths: AnnotationWriter['paths'],
    points: GrowingFile,
    conversations: GrowingFile,
  ) {
    this.paths = paths
    this.#points = points
    this.#conversations = conversations
  }

  /** Opens the files in a folder, making it where needed. */
  static async open(folder: string): Promise<AnnotationWriter> {
    await mkdir(folder, { recursive: true })
    const paths = {
      points: join(folder, 'points.jsonl'),
      conversations: join(folder, 'conversations.jsonl'),
    }
    const points = await GrowingFile.open(paths.points)
    return new AnnotationWriter(paths, points, await GrowingFile.open(paths.conversations))
  }

  async write(frame: AnnotatedFrame, options: ConversationOptions = {}): Promise<void> {
    const conversations = toConversations(frame, options)
    await this.#points.write(annotatedLines(frame))
    await this.#conversations.write(conversations.map(item => `${toJson(item)}\n`).join(''))
  }

  async close(): Promise<void> {
    await this.#points.close()
    await this.#conversations.close()
  }
}
