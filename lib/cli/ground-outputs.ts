import { stat } from 'node:fs/promises'
import { basename, parse } from 'node:path'
import { OutputWriter } from '../formats/outputs.js'
import { writeReview } from '../formats/review.js'
import type { GroundResult } from '../ground/result.js'
import { ReviewList } from '../ground/review.js'
import { LabelCollector } from '../labels/collector.js'
import { type LabelFormat, writeLabels } from '../labels/files.js'
import type { ClipOptions } from '../video/frame.js'
import { listImages, PICTURE_FRAME_RATE } from '../video/images.js'
import { openClip } from '../video/source.js'

export interface GroundOutputFlags {
  output: string
  format: LabelFormat[]
  review?: boolean
}

/** Labels of what is found; the clip is named after its source, its pictures after their files. */
async function collectorFor(
  source: string,
  label: string,
  options: ClipOptions,
): Promise<LabelCollector> {
  const isFolder = (await stat(source)).isDirectory()
  const name = isFolder ? basename(source) : parse(source).name
  const pictures = isFolder ? await listImages(source, options) : null
  const fileNames = pictures?.map(path => `${name}/${basename(path)}`) ?? null
  return new LabelCollector(name, { label, fileNames })
}

/** Everything that `ground` writes; `close` completes it with the frames that were written. */
export class GroundOutputs {
  readonly #source: string
  readonly #sentence: string
  readonly #frameRate: number
  readonly #flags: GroundOutputFlags
  readonly #writer: OutputWriter
  readonly #labels: LabelCollector
  readonly #review = new ReviewList()

  private constructor(
    source: string,
    sentence: string,
    frameRate: number,
    flags: GroundOutputFlags,
    writer: OutputWriter,
    labels: LabelCollector,
  ) {
    this.#source = source
    this.#sentence = sentence
    this.#frameRate = frameRate
    this.#flags = flags
    this.#writer = writer
    this.#labels = labels
  }

  static async open(
    source: string,
    sentence: string,
    flags: GroundOutputFlags,
    clip: ClipOptions,
  ): Promise<GroundOutputs> {
    const frameRate = (await openClip(source, clip)).frameRate ?? PICTURE_FRAME_RATE
    const labels = await collectorFor(source, sentence, clip)
    const writer = await OutputWriter.open(flags.output, sentence, frameRate)
    return new GroundOutputs(source, sentence, frameRate, flags, writer, labels)
  }

  async write(result: GroundResult): Promise<void> {
    await this.#writer.write(result)
    if (this.#flags.format.length > 0) this.#labels.add(result)
    if (this.#flags.review) this.#review.add(result)
  }

  /** @returns what was written, by its kind. */
  async close(): Promise<Record<string, string>> {
    const { output, format, review } = this.#flags
    await this.#writer.close()
    const paths: Record<string, string> = { ...this.#writer.paths }
    const options = { frameRate: this.#frameRate, videoOf: () => basename(this.#source) }
    for (const name of format) {
      paths[name] = await writeLabels(output, [this.#labels.clip()], name, options)
    }
    const ranked = this.#review.ranked()
    return review ? { ...paths, ...(await writeReview(output, this.#sentence, ranked)) } : paths
  }
}
