/**
 * Works on items with at most `jobs` under way. After a failure no new item begins; the first
 * failure is thrown when those under way have ended.
 */
export async function eachOf<T>(
  items: readonly T[],
  jobs: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  let failed = false
  const loop = async () => {
    for (const item of waiting) {
      if (failed) return
      try {
        await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const loops = Array.from({ length: Math.max(1, jobs) }, loop)
  for (const result of await Promise.allSettled(loops)) {
    if (result.status === 'rejected') throw result.reason
  }
}
