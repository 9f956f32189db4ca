import type { AddonCancel } from './addon.js'
import { AbortedError, typed } from './errors.js'

/** Throws ABORTED when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError(undefined, { cause: signal.reason })
}

/** Ties a signal to the engine's flag; `release` removes the listener. */
export function linkCancel(
  signal: AbortSignal | undefined,
  createCancel: () => AddonCancel,
): { cancel: AddonCancel; release: () => void } {
  throwIfAborted(signal)
  const cancel = createCancel()
  const raise = () => cancel.raise()
  signal?.addEventListener('abort', raise, { once: true })
  return { cancel, release: () => signal?.removeEventListener('abort', raise) }
}

/** A controller that also fires with the signal; `release` removes the listener. */
export function linkController(signal: AbortSignal | undefined): {
  controller: AbortController
  release: () => void
} {
  throwIfAborted(signal)
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  return { controller, release: () => signal?.removeEventListener('abort', abort) }
}

/** Runs engine work that the signal can stop, and gives its failure as a typed error. */
export async function withCancel<T>(
  signal: AbortSignal | undefined,
  createCancel: () => AddonCancel,
  work: (call: { cancel: AddonCancel }) => Promise<T>,
): Promise<T> {
  const { cancel, release } = linkCancel(signal, createCancel)
  try {
    return await typed(work({ cancel }))
  } finally {
    release()
  }
}
