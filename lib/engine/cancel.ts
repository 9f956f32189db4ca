import type { AddonCancel } from './addon.js'
import { AbortedError, InvalidArgumentError, typed } from './errors.js'
import { addon } from './loader.js'

/** @throws INVALID_ARGUMENT for what callers in JavaScript may give instead of a signal. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new InvalidArgumentError(`signal must be an AbortSignal, got ${String(signal)}`)
}

/** @throws ABORTED when the signal has fired, INVALID_ARGUMENT when it is none. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  checkSignal(signal)
  if (signal?.aborted) throw new AbortedError(undefined, { cause: signal.reason })
}

/** Calls `abort` once when the signal fires; what is given back takes the listener off. */
export function onAbort(signal: AbortSignal | undefined, abort: () => void): () => void {
  signal?.addEventListener('abort', abort, { once: true })
  return () => signal?.removeEventListener('abort', abort)
}

/** A signal for all the work that one call starts: none of it goes on behind the call. */
export interface WorkSignal {
  readonly signal: AbortSignal
  /** Fires the signal and lets go of the caller's. */
  end(): void
}

/** A signal that fires with the caller's, and when the call ends at the latest. */
export function workSignal(callers: AbortSignal | undefined): WorkSignal {
  throwIfAborted(callers)
  const controller = new AbortController()
  const release = onAbort(callers, () => controller.abort(callers?.reason))
  return {
    signal: controller.signal,
    end: () => {
      release()
      controller.abort()
    },
  }
}

/**
 * Runs engine work that the signal can stop, and gives its failure as a typed error. The one place
 * where a signal becomes the flag that the engine reads between layers.
 */
export async function withCancel<T>(
  signal: AbortSignal | undefined,
  work: (call: { cancel: AddonCancel }) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  const cancel = addon().createCancel()
  const release = onAbort(signal, () => cancel.raise())
  try {
    return await typed(() => work({ cancel }))
  } finally {
    release()
  }
}
