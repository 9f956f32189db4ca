import { VideoMolmoError } from '../engine/errors.js'

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** What a command needs of the process; replaced in tests. */
export interface CommandContext {
  /** Fires at Ctrl-C. */
  signal: AbortSignal
  /** Writes results. */
  print: (text: string) => void
  /** Writes progress and remarks, to stderr. */
  note: (text: string) => void
}

/**
 * A failure's exit code: wrong options and arguments are 2, an interruption 130, anything else 1.
 */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof VideoMolmoError)) return EXIT.failed
  if (error.code === 'ABORTED') return EXIT.interrupted
  return error.code === 'INVALID_ARGUMENT' ? EXIT.usage : EXIT.failed
}

/** One line for people, or an object for programs. */
export function describeError(error: unknown, json: boolean): string {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof VideoMolmoError ? error.code : 'INTERNAL'
  if (json) return JSON.stringify({ error: { code, message } })
  const stack = error instanceof VideoMolmoError ? message : ((error as Error)?.stack ?? message)
  return `error: ${stack}`
}
