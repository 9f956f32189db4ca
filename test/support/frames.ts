import type { ClipOptions, ClipSource, Frame } from '../../lib/video/frame.js'
import { openClip } from '../../lib/video/source.js'
import type { ClipWarning } from '../../lib/video/warning.js'

/** What a clip gives: its frames, what is said of it, and the error that ends it, if one does. */
export interface Given {
  frames: Frame[]
  warnings: ClipWarning[]
  error: (Error & { code?: string }) | null
}

export async function readClip(source: ClipSource, options: ClipOptions = {}): Promise<Given> {
  const given: Given = { frames: [], warnings: [], error: null }
  const onWarning = (warning: ClipWarning) => given.warnings.push(warning)
  try {
    for await (const frame of await openClip(source, { onWarning, ...options })) {
      given.frames.push(frame)
    }
  } catch (error) {
    given.error = error as Error
  }
  return given
}

/** Times of the frames in milliseconds, rounded. */
export const milliseconds = (frames: readonly Frame[]): number[] =>
  frames.map(({ timeNs }) => Math.round(Number(timeNs) / 1e6))
