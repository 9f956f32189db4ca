/** Waits for both even when one fails, so that no engine call outlives its step. */
export async function bothDone<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const results = await Promise.allSettled([a, b])
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return Promise.all([a, b])
}
