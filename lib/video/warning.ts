/** What a clip could not give: damaged parts of a video, files of a folder that are no pictures. */
export type ClipWarningCode = 'DAMAGED' | 'PASSED_OVER'

/** Something that does not keep a clip from being read; the frames that it gives are right. */
export class ClipWarning extends Error {
  readonly code: ClipWarningCode
  /** The file or folder. */
  readonly source: string

  /**
   * @internal
   * @param detail one sentence; the message is the source and the detail.
   */
  constructor(code: ClipWarningCode, source: string, detail: string) {
    super(`${source}: ${detail}`)
    this.name = 'ClipWarning'
    this.code = code
    this.source = source
  }
}

/** Where nobody listens a warning is one of the process: Node prints it and emits 'warning'. */
export const warnProcess = (warning: ClipWarning): void => process.emitWarning(warning)
