import { createRequire } from 'node:module'
import type { Addon } from './addon.js'
import { NotInstalledError } from './errors.js'
import { packageRoot } from './package-root.js'

let loaded: Addon | undefined

function libc(): string {
  if (process.platform !== 'linux') return ''
  // A report with the network looks up the names of all connections, which can take minutes.
  const report = process.report as typeof process.report & { excludeNetwork?: boolean }
  const { excludeNetwork = false } = report
  report.excludeNetwork = true
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
  report.excludeNetwork = excludeNetwork
  return header?.glibcVersionRuntime ? ', glibc' : ', musl'
}

/**
 * The native engine: the build of this checkout (build/Release) or else the one that came with the
 * package (prebuilds/). Loaded once per thread.
 *
 * @throws NOT_INSTALLED where there is neither for this platform.
 */
export function addon(): Addon {
  if (loaded) return loaded
  const root = packageRoot()
  const require = createRequire(import.meta.url)
  try {
    const load = require('node-gyp-build') as (folder: string) => Addon
    loaded = load(root)
    return loaded
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}${libc()}, Node ${process.versions.node}`
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new NotInstalledError(
      `The native engine could not be loaded (${platform}); build/Release and prebuilds/ in ${root} ` +
        `were tried: ${reason}. Build it there with "npm run build:native" (needs cmake-js).`,
      { cause },
    )
  }
}
