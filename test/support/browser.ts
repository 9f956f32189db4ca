import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

const found = process.env.VIDEOMOLMO_CHROMIUM || PLACES.find(path => existsSync(path))

/** Why pages cannot be looked at here; false where they can. */
export const noBrowser: string | false =
  found === undefined && 'no Chromium here; VIDEOMOLMO_CHROMIUM=<file> names one'

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: found!, args: ['--no-sandbox', '--disable-gpu'] })
