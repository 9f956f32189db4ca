import { mkdir } from 'node:fs/promises'
import type { ClipAbout, OpenSink, Sink, SinkPaths } from './sink.js'
import { openMasks } from './sinks/masks.js'
import { openOverlay } from './sinks/overlay.js'
import { openPoints } from './sinks/points.js'
import { openRle } from './sinks/rle.js'
import type { TrackFrame } from './track-frame.js'

/** What is written where nobody says otherwise. */
export const DEFAULT_SINKS: readonly OpenSink[] = [openPoints, openMasks, openRle, openOverlay]

export interface OutputOptions {
  /** Default: points.jsonl, masks/, masks.json and overlay.mp4. */
  sinks?: readonly OpenSink[]
  /** Who the clip is, for outputs that name it. Default: a clip called "clip". */
  clip?: Partial<ClipAbout>
}

/**
 * Several outputs of one clip in a folder. Frames that were written are kept whatever happens
 * afterwards; `close` completes the files with them.
 */
export class OutputWriter implements Sink {
  readonly #sinks: Sink[]

  private constructor(sinks: Sink[]) {
    this.#sinks = sinks
  }

  /**
   * Opens the outputs in a folder, making it where needed.
   *
   * @param frameRate of the clip, frames per second; of overlay.mp4 for the last frame's duration, the
   * others have their own times.
   */
  static async open(
    folder: string,
    query: string,
    frameRate: number,
    { sinks = DEFAULT_SINKS, clip = {} }: OutputOptions = {},
  ): Promise<OutputWriter> {
    await mkdir(folder, { recursive: true })
    const { name = 'clip', source = name, fileNames = null } = clip
    const about = { query, frameRate, name, source, fileNames }
    const writer = new OutputWriter([])
    try {
      for (const open of sinks) writer.#sinks.push(await open(folder, about))
    } catch (error) {
      await writer.close()
      throw error
    }
    return writer
  }

  /** Writes a frame to every output; first estimates of a 'lag' session are passed over. */
  async write(frame: TrackFrame): Promise<void> {
    if (frame.final === false) return
    for (const sink of this.#sinks) await sink.write(frame)
  }

  /** Completes all outputs, those after a failing one too, and gives their paths. */
  async close(): Promise<SinkPaths> {
    const closed = await Promise.allSettled(this.#sinks.splice(0).map(sink => sink.close()))
    const failed = closed.find(result => result.status === 'rejected')
    if (failed) throw failed.reason
    return Object.assign({}, ...closed.map(result => 'value' in result && result.value))
  }
}
