import { throwIfAborted, workSignal } from '../engine/cancel.js'
import type { FrameSource } from '../video/frame.js'
import { PointerAhead } from './ahead.js'
import type { GroundModels } from './models.js'
import type { GroundSettings } from './options.js'
import type { GroundResult } from './result.js'
import { GroundRun } from './run.js'
import { UntilFailure } from './until-failure.js'

/**
 * Grounds a clip from its first frame to its last and gives every frame's result in order. Where the
 * source fails, the frames before come first and then its error.
 *
 * @param provisional also give a first estimate of every frame at once, marked `final: false`.
 */
export async function* groundClip(
  models: GroundModels,
  source: FrameSource,
  query: string,
  settings: GroundSettings,
  provisional = false,
): AsyncGenerator<GroundResult> {
  const { maxFrames, onProgress } = settings
  const { signal, end } = workSignal(settings.signal)
  const shared = { settings, frameCount: atMost(maxFrames, source.frameCount), signal }
  const expected = atMost(maxFrames, source.expectedFrames)
  const readable = new UntilFailure(source)
  const ahead = new PointerAhead(models.pointer, { ...shared, query, atOnce: provisional })
  const run = new GroundRun(models, { ...shared, provisional })
  let framesDone = 0
  const report = (result: GroundResult): GroundResult => {
    throwIfAborted(signal)
    if (result.final) onProgress?.({ framesDone: ++framesDone, frameCount: expected })
    return result
  }
  try {
    for await (const pointed of ahead.frames(readable)) {
      throwIfAborted(signal)
      for await (const result of run.push(pointed)) yield report(result)
    }
    for await (const result of run.finish()) yield report(result)
    readable.raise()
  } finally {
    end()
    run.dispose()
    ahead.dispose()
  }
}

/** Frames that will be read of so many, null when unknown. */
export const atMost = (maxFrames: number, frameCount: number | null): number | null =>
  frameCount === null ? null : Math.min(frameCount, maxFrames)
