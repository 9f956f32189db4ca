/** Damaged parts of a video; pictures of a folder that are of a kind that cannot be read. */
export type ClipWarningCode = 'DAMAGED' | 'PASSED_OVER'

/** What a clip could not give. It can be read all the same, and the frames that it gives are right. */
export interface ClipWarning extends Error {
  name: 'ClipWarning'
  code: ClipWarningCode
  /** The file or folder. */
  source: string
}

/** @param detail one sentence; the message is the source and the detail. */
export function clipWarning(code: ClipWarningCode, source: string, detail: string): ClipWarning {
  const name = 'ClipWarning' as const
  return Object.assign(new Error(`${source}: ${detail}`), { name, code, source })
}

/** Where nobody listens a warning is one of the process: Node prints it and emits 'warning'. */
export const warnProcess = (warning: ClipWarning): void => process.emitWarning(warning)
