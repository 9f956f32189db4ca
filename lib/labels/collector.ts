import { numberOf, type TrackFrame } from '../formats/track-frame.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import type { LabelledClip, LabelledFrame } from './labels.js'

export interface CollectorOptions {
  /** What the objects are called; the sentence, say. Default null. */
  label?: string | null
  /** Picture of every frame, relative to the folder of all pictures. Default null. */
  fileNames?: readonly string[] | null
}

const COLLECTOR_OPTIONS: OptionNames<CollectorOptions> = { label: true, fileNames: true }

/** Gathers the frames of a clip as labels, packed. */
export class LabelCollector {
  readonly #name: string
  readonly #label: string | null
  readonly #fileNames: readonly string[] | null
  readonly #frames: LabelledFrame[] = []
  readonly #objectIds = new Set<number>()
  #size = { width: 0, height: 0 }

  /** @param name of the clip. */
  constructor(name: string, options: CollectorOptions = {}) {
    checkOptions(COLLECTOR_OPTIONS, options, 'LabelCollector')
    const { label = null, fileNames = null } = options
    this.#name = name
    this.#label = label
    this.#fileNames = fileNames
  }

  /**
   * Takes a frame; first estimates of a 'lag' session are passed over.
   *
   * @throws INVALID_ARGUMENT for objects with names instead of numbers.
   */
  add({ frameIndex, timeNs, width, height, objects, final = true }: TrackFrame): void {
    if (!final) return
    this.#size = { width, height }
    const masks = objects
      .filter(({ visible }) => visible)
      .map(object => ({ objectId: numberOf(object, 'labels'), rle: object.mask.toRLE() }))
    for (const { objectId } of masks) this.#objectIds.add(objectId)
    this.#frames.push({ frameIndex, timeNs, masks })
  }

  /** The labels so far. */
  clip(): LabelledClip {
    const label = this.#label
    return {
      name: this.#name,
      ...this.#size,
      frameCount: this.#frames.length,
      fileNames: this.#fileNames?.slice(0, this.#frames.length) ?? null,
      objects: [...this.#objectIds].sort((a, b) => a - b).map(objectId => ({ objectId, label })),
      frames: [...this.#frames],
    }
  }
}
