import type { AddonCancel } from '../engine/addon.js'
import { linkCancel, throwIfAborted } from '../engine/cancel.js'
import type { FrameSource } from '../video/frame.js'
import type { GroundEngine, Point, PointingStream, Timings } from './engine.js'
import { limited } from './ground.js'
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
}

/** Asks the pointer on every k-th frame of a clip and gives its answers in order. */
export async function* pointClip(
  engine: Pick<GroundEngine, 'openPointing'>,
  createCancel: () => AddonCancel,
  source: FrameSource,
  query: string,
  settings: PointSettings,
): AsyncGenerator<PointResult> {
  const { keyframeEvery, contextFrames, blackContext, signal, maxFrames, onProgress } = settings
  const { cancel, release } = linkCancel(signal, createCancel)
  const { frameCount } = limited(source, maxFrames)
  const stream = engine.openPointing(contextFrames + 1)
  let timings: Timings = {}
  try {
    for await (const frame of source) {
      throwIfAborted(signal)
      const { index, width, height, timeNs } = frame
      const next = Math.ceil(index / keyframeEvery) * keyframeEvery
      const seen = next - index <= (blackContext ? 0 : contextFrames)
      const comes = index === next || next < Math.min(maxFrames, frameCount ?? maxFrames)
      addTimes(timings, { decode: frame.decodeMs })
      if (seen && comes) addTimes(timings, await stream.encode(index, frame, cancel))
      if (index === next) {
        const said = await ask(stream, index, query, settings, cancel)
        addTimes(timings, said.timings)
        const { points, text: answer } = said
        yield { frameIndex: index, timeNs, width, height, points, answer, timings }
        timings = {}
      }
      onProgress?.({ framesDone: index + 1, frameCount })
      if (index + 1 >= maxFrames) break
    }
  } finally {
    cancel.raise()
    release()
    stream.dispose()
  }
}

function ask(
  stream: PointingStream,
  frameIndex: number,
  query: string,
  settings: PointSettings,
  cancel: AddonCancel,
) {
  const { contextFrames, blackContext, maxNewTokens } = settings
  const options = { contextFrames, blackContext, maxNewTokens, cancel }
  return stream.answer(frameIndex, query, options)
}
