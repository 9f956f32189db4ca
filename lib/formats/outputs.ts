import { type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GroundResult } from '../ground/result.js'
import { drawOverlay } from '../video/overlay.js'
import { VideoWriter } from '../video/writer.js'
import { encodeLabelPng } from './png.js'

/** Writes a file beside its place and renames it, so that a whole file or none is seen. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const partial = `${path}.partial`
  await writeFile(partial, data)
  await rename(partial, path)
}

/** A text file that grows beside its place until `close` renames it. */
export class GrowingFile {
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  static async open(path: string): Promise<GrowingFile> {
    return new GrowingFile(path, await open(`${path}.partial`, 'w'))
  }

  async write(text: string): Promise<void> {
    await this.#file.write(text)
  }

  async close(): Promise<void> {
    await this.#file.close()
    await rename(`${this.#path}.partial`, this.#path)
  }
}

/** JSON with exact integers for bigints; nanoseconds exceed what a double holds. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item) =>
    typeof item === 'bigint' ? `bigint:${item}` : item,
  ).replaceAll(/"bigint:(-?\d+)"/g, '$1')
}

/** One line per point: frame, tNs (nanoseconds), objectId, x, y (pixels), score, source. */
export function pointLines(result: GroundResult): string {
  const { frameIndex: frame, timeNs: tNs } = result
  return result.objects
    .flatMap(({ objectId, points, score, source }) =>
      points.map(({ x, y }) => `${toJson({ frame, tNs, objectId, x, y, score, source })}\n`),
    )
    .join('')
}

/**
 * Object numbers as palette indices, [height, width]; 0 is background. Where objects overlap the
 * lowest number shows. Numbers beyond 255 start again at 1.
 */
export function labelMap(result: GroundResult): Uint8Array {
  const labels = new Uint8Array(result.width * result.height)
  for (const { objectId, mask } of result.objects.toReversed()) {
    const label = ((objectId - 1) % 255) + 1
    for (let i = 0; i < labels.length; i++) if (mask.data[i]) labels[i] = label
  }
  return labels
}

/** One frame of masks.json: COCO run lengths per object and of the whole frame. */
function frameRecord(result: GroundResult) {
  return {
    frame: result.frameIndex,
    tNs: result.timeNs,
    mask: result.mask.toRLE(),
    objects: result.objects.map(({ objectId, mask, score, source }) => ({
      objectId,
      score,
      source,
      segmentation: mask.toRLE(),
    })),
  }
}

/** Name of a frame's mask file. */
export const maskName = (frameIndex: number) => `${String(frameIndex).padStart(5, '0')}.png`

export interface OutputPaths {
  points: string
  masks: string
  rle: string
  overlay: string
}

/**
 * Writes what grounding finds into a folder, as it comes: points.jsonl, masks/00000.png (indexed),
 * masks.json (COCO run lengths) and overlay.mp4. `close` completes the files; frames written before
 * are kept whatever happens afterwards.
 */
export class OutputWriter {
  readonly paths: OutputPaths
  readonly #query: string
  readonly #frameRate: number
  readonly #points: GrowingFile
  readonly #rle: GrowingFile
  #overlay: VideoWriter | undefined
  #frames = 0

  private constructor(
    paths: OutputPaths,
    query: string,
    frameRate: number,
    points: GrowingFile,
    rle: GrowingFile,
  ) {
    this.paths = paths
    this.#query = query
    this.#frameRate = frameRate
    this.#points = points
    this.#rle = rle
  }

  /**
   * Opens the outputs in a folder, making it where needed. Masks of an earlier run there are
   * removed.
   *
   * @param frameRate of overlay.mp4, frames per second, for the last frame's duration; the others have
   * their own times.
   */
  static async open(folder: string, query: string, frameRate: number): Promise<OutputWriter> {
    const paths = {
      points: join(folder, 'points.jsonl'),
      masks: join(folder, 'masks'),
      rle: join(folder, 'masks.json'),
      overlay: join(folder, 'overlay.mp4'),
    }
    await mkdir(paths.masks, { recursive: true })
    const stale = (await readdir(paths.masks)).filter(name => /^\d{5,}\.png$/.test(name))
    for (const name of stale) await rm(join(paths.masks, name))
    for (const path of [paths.points, paths.rle, paths.overlay]) await rm(path, { force: true })
    const points = await GrowingFile.open(paths.points)
    const rle = await GrowingFile.open(paths.rle)
    return new OutputWriter(paths, query, frameRate, points, rle)
  }

  async write(result: GroundResult): Promise<void> {
    const { width, height, frameIndex } = result
    const head = `{"query":${JSON.stringify(this.#query)},"width":${width},"height":${height},"frames":[\n`
    await this.#points.write(pointLines(result))
    await this.#rle.write((this.#frames === 0 ? head : ',\n') + toJson(frameRecord(result)))
    const png = await encodeLabelPng(labelMap(result), width, height)
    await writeWhole(join(this.paths.masks, maskName(frameIndex)), png)
    await this.#writeOverlay(result)
    this.#frames++
  }

  async #writeOverlay(result: GroundResult): Promise<void> {
    const { width, height, image, timeNs } = result
    this.#overlay ??= await VideoWriter.open(
      this.paths.overlay,
      width,
      height,
      this.#frameRate,
      image.pixelAspect,
    )
    const objects = result.objects.map(({ objectId, mask, points }) => ({
      objectId,
      mask: mask.data,
      points,
    }))
    await this.#overlay.write(drawOverlay(image, objects), timeNs)
  }

  /** Completes all files with what was written so far. */
  async close(): Promise<void> {
    if (this.#frames === 0) {
      await this.#rle.write(`{"query":${JSON.stringify(this.#query)},"frames":[`)
    }
    await this.#rle.write('\n]}\n')
    await this.#rle.close()
    await this.#points.close()
    await this.#overlay?.close()
  }
}
