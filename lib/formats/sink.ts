import type { TrackFrame } from './track-frame.js'

/** What was written, by its kind. */
export type SinkPaths = Readonly<Record<string, string>>

/** What takes the frames of a clip: a file that is written, say. */
export interface Sink {
  /** Takes the next frame of the clip. */
  write(frame: TrackFrame): Promise<void>
  /** Completes the output with the frames that were written so far. */
  close(): Promise<SinkPaths>
}

/** What sinks say of the clip beside its frames. */
export interface ClipAbout {
  /** What was looked for; empty where nobody asked with words. */
  query: string
  /** Frames per second. */
  frameRate: number
  /** Name of the clip. */
  name: string
  /** Name of its video or of its folder of pictures. */
  source: string
  /** Picture of every frame, relative to the folder of all pictures; null where none is named. */
  fileNames: readonly string[] | null
}

/** Opens a sink in a folder that is there; what an earlier run left in its place goes. */
export type OpenSink = (folder: string, about: ClipAbout) => Promise<Sink>
