import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/**
 * Milliseconds that this thread has computed. On Linux the processor time that the kernel gave it,
 * which other work on the machine does not change; elsewhere the time that its event loop was busy.
 */
export function threadMs(): number {
  if (process.platform !== 'linux') return performance.eventLoopUtilization().active
  const [nanoseconds] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')
  return Number(nanoseconds) / 1e6
}
