import { throwIfAborted, workSignal } from '../engine/cancel.js'
import type { FrameSource } from '../video/frame.js'
import { PointerAhead } from './ahead.js'
import { limited } from './ground.js'
import type { AnswerStats, Point, PointerModel, Timings } from './models.js'
import type { PointSettings } from './options.js'
import { addTimes } from './slot.js'

/** What the pointer said about one keyframe. */
export interface PointResult {
  frameIndex: number
  timeNs: bigint
  width: number
  height: number
  /** Pixels of the frame, in the order of the answer. */
  points: Point[]
  /** The answer as the model wrote it. */
  answer: string
  timings: Timings
  /** What the language model did for the answer. */
  stats: AnswerStats
}

/** Asks the pointer on every k-th frame of a clip and gives its answers in order. */
export async function* pointClip(
  model: PointerModel,
  source: FrameSource,
  query: string,
  settings: PointSettings,
): AsyncGenerator<PointResult> {
  const { maxFrames, onProgress } = settings
  const { signal, end } = workSignal(settings.signal)
  const { frameCount } = limited(source, maxFrames)
  const ahead = new PointerAhead(model, { settings, query, frameCount, signal, atOnce: false })
  let timings: Timings = {}
  try {
    for await (const { frame, pointing } of ahead.frames(source)) {
      throwIfAborted(signal)
      const { index, width, height, timeNs } = frame
      const said = await pointing
      addTimes(timings, { decode: frame.decodeMs, ...said.timings })
      if (said.answer) {
        const { points, text: answer, stats } = said.answer
        yield { frameIndex: index, timeNs, width, height, points, answer, timings, stats }
        timings = {}
      }
      onProgress?.({ framesDone: index + 1, frameCount })
    }
  } finally {
    end()
    ahead.dispose()
  }
}
