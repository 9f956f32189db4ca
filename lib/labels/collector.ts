import type { GroundResult } from '../ground/result.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import type { LabelledClip, LabelledFrame } from './labels.js'

export interface CollectorOptions {
  /** What the objects are called; the sentence, say. Default null. */
  label?: string | null
  /** Picture of every frame, relative to the folder of all pictures. Default null. */
  fileNames?: readonly string[] | null
}

const COLLECTOR_OPTIONS: OptionNames<CollectorOptions> = { label: true, fileNames: true }

/** Gathers the final results of grounding as labels, packed. */
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

  /** Takes a frame's result; first estimates of a 'lag' session are passed over. */
  add({ frameIndex, timeNs, width, height, objects, final }: GroundResult): void {
    if (!final) return
    this.#size = { width, height }
    const seen = objects.filter(({ visible }) => visible)
    const masks = seen.map(({ objectId, mask }) => ({ objectId, rle: mask.toRLE() }))
    for (const { objectId } of seen) this.#objectIds.add(objectId)
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
