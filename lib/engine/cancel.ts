import type { AddonCancel } from './addon.js'
import { AbortedError } from './errors.js'

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
