import { Presets, SingleBar } from 'cli-progress'
import type { DownloadProgress } from '../hub/snapshot.js'

const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20)

/** Shows on stderr how far downloads are; silent where stderr is no terminal, and where none is needed. */
export function showDownloads(): (progress: DownloadProgress) => void {
  if (!process.stderr.isTTY) return () => undefined
  const bar = new SingleBar(
    {
      format: '{bar} {value}/{total} MiB  {eta_formatted} left  {repository} {file}',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  )
  let started = false
  return ({ repository, file, bytesDone, bytesTotal }) => {
    if (!started) bar.start(mib(bytesTotal), mib(bytesDone), { repository, file })
    started = bytesDone < bytesTotal
    bar.setTotal(mib(bytesTotal))
    bar.update(mib(bytesDone), { repository, file })
    if (!started) bar.stop()
  }
}
