import type { AddonPointer, AddonSegmenter } from '../../lib/engine/addon.js'
import { typed } from '../../lib/engine/errors.js'
import { addon } from '../../lib/engine/loader.js'
import type { BenchDtype } from './options.js'
import type { Sizes } from './sizes.js'

/** What the pieces share. */
export interface Setup {
  sizes: Sizes
  rounds: number
  pointer(dtype: BenchDtype): Promise<AddonPointer>
  /** The caller disposes of it. */
  segmenter(name: string): Promise<AddonSegmenter>
}

/** Generated as a checkpoint in bf16: what a dtype does not quantise stays bf16. */
const STORED = { hash: true, stored: 'bf16' } as const

/** Without this shift generated weights say "no object" and the tracker has nothing to follow. */
const PRESENT = { 'sam_mask_decoder.pred_obj_score_head.layers.2.bias': { add: 10 } }

/** The pointer that was loaded last: several pieces use one, and two do not fit every device. */
export class Models {
  #pointer: { dtype: BenchDtype; model: AddonPointer } | undefined

  constructor(
    readonly sizes: Sizes,
    readonly device: string,
  ) {}

  async pointer(dtype: BenchDtype): Promise<AddonPointer> {
    if (this.#pointer?.dtype === dtype) return this.#pointer.model
    await this.dispose()
    const since = performance.now()
    const model = await typed(() =>
      addon().loadPointer({
        family: 'molmo',
        attributes: this.sizes.pointer,
        weights: STORED,
        dtype,
        device: this.device,
        threads: 0,
      }),
    )
    const seconds = ((performance.now() - since) / 1000).toFixed(1)
    const gigabytes = (model.info().weightBytes / 1e9).toFixed(2)
    console.log(`pointer in ${dtype}: ${gigabytes} GB of generated weights, ready in ${seconds} s`)
    this.#pointer = { dtype, model }
    return model
  }

  segmenter(name: string): Promise<AddonSegmenter> {
    return typed(() =>
      addon().loadSegmenter({
        family: 'sam2',
        attributes: this.sizes.segmenters[name]!,
        weights: { ...STORED, adjust: PRESENT },
        dtype: 'bf16',
        device: this.device,
        threads: 0,
      }),
    )
  }

  async dispose(): Promise<void> {
    await this.#pointer?.model.dispose()
    this.#pointer = undefined
  }
}
