import type { AddonTimes } from '../engine/addon.js'
import type { Frame } from '../video/frame.js'
import type { ClipSegmenter, FrameFeatures } from './clip-segmenter.js'
import type { Timings } from './models.js'

/** Adds stage times to a record; native stage names are kept as they are. */
export function addTimes(target: Timings, times: AddonTimes | undefined): void {
  for (const [stage, ms] of Object.entries(times ?? {})) target[stage] = (target[stage] ?? 0) + ms
}

/** A frame of the interval at work and its image features, computed at the first use. */
export class FrameSlot {
  readonly frame: Frame
  readonly timings: Timings
  readonly #segmenter: ClipSegmenter
  readonly #signal: AbortSignal
  #features: Promise<FrameFeatures> | undefined

  constructor(frame: Frame, segmenter: ClipSegmenter, signal: AbortSignal) {
    this.frame = frame
    this.timings = { decode: frame.decodeMs }
    this.#segmenter = segmenter
    this.#signal = signal
  }

  get index(): number {
    return this.frame.index
  }

  /** Encoded once; shared by all objects and both directions. */
  features(): Promise<FrameFeatures> {
    this.#features ??= this.#encode()
    return this.#features
  }

  async #encode(): Promise<FrameFeatures> {
    const { data, width, height } = this.frame
    const call = { signal: this.#signal }
    const encoded = await this.#segmenter.encode({ data, width, height }, call)
    addTimes(this.timings, encoded.times)
    return encoded.features
  }

  /** Lets the features go; the frame itself stays with whoever holds a result. */
  release(): void {
    this.#features?.then(
      features => features.dispose(),
      () => {},
    )
    this.#features = undefined
  }
}
