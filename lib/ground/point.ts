import { throwIfAborted, workSignal } from '../engine/cancel.js'
import type { FrameSource } from '../video/frame.js'
import { PointerAhead } from './ahead.js'
import { atMost } from './ground.js'
import type { AnswerStats, Point, PointerModel, Timings } from './models.js'
import type { PointSettings } from './options.js'
import { addTimes } from './slot.js'
import { UntilFailure } from './until-failure.js'

/** What the pointer said about one keyframe. */
export interface PointResult {
  frameIndex: number
  timeNs: bigint
  width: number
  height: number
  /** Width of a pixel over its height, as the frame is shown. Points count the stored pixels. */
  pixelAspect: number
  /** Pixels of the frame, in the order of the answer. */
  points: Point[]
  /** The answer as the model wrote it. */
  answer: string
  timings: Timings
  /** What the language model did for the answer. */
  stats: AnswerStats
}

/**
 * Asks the pointer on every k-th frame of a clip and gives its answers in order. Where the source
 * fails, the answers before come first and then its error.
 */
export async function* pointClip(
  model: PointerModel,
  source: FrameSource,
  query: string,
  settings: PointSettings,
): AsyncGenerator<PointResult> {
  const { maxFrames, onProgress } = settings
  const { signal, end } = workSignal(settings.signal)
  const frameCount = atMost(maxFrames, source.frameCount)
  const expected = atMost(maxFrames, source.expectedFrames)
  const readable = new UntilFailure(source)
  const ahead = new PointerAhead(model, { settings, query, frameCount, signal, atOnce: false })
  let timings: Timings = {}
  try {
    for await (const { frame, pointing } of ahead.frames(readable)) {
      throwIfAborted(signal)
      const { index, width, height, timeNs, pixelAspect = 1 } = frame
      const said = await pointing
      addTimes(timings, { decode: frame.decodeMs, ...said.timings })
      if (said.answer) {
        const { points, text: answer, stats } = said.answer
        const place = { frameIndex: index, timeNs, width, height, pixelAspect }
        yield { ...place, points, answer, timings, stats }
        timings = {}
      }
      onProgress?.({ framesDone: index + 1, frameCount: expected })
    }
    readable.raise()
  } finally {
    end()
    ahead.dispose()
  }
}
