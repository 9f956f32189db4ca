import { Presets, SingleBar } from 'cli-progress'
import type { GroundProgress } from '../ground/options.js'

/** What is done, how fast, and the time left, on stderr; silent where stderr is no terminal. */
export class ProgressBar {
  readonly #bar: SingleBar | null
  readonly #since = performance.now()
  #started = false

  /** @param unit what is counted. */
  constructor(enabled: boolean, unit = 'frames') {
    const format = `{bar} {value}/{total} ${unit}  {speed} ${unit}/s  {eta_formatted} left`
    const options = { format, stream: process.stderr, hideCursor: true, clearOnComplete: true }
    const shown = enabled && process.stderr.isTTY
    this.#bar = shown ? new SingleBar(options, Presets.shades_classic) : null
  }

  readonly update = ({ framesDone, frameCount }: GroundProgress): void => {
    if (!this.#bar) return
    const total = Math.max(frameCount ?? framesDone, framesDone)
    const speed = ((framesDone * 1000) / (performance.now() - this.#since)).toFixed(2)
    if (!this.#started) this.#bar.start(total, 0, { speed })
    this.#started = true
    this.#bar.setTotal(total)
    this.#bar.update(framesDone, { speed })
  }

  stop(): void {
    this.#bar?.stop()
  }
}
