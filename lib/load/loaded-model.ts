import type { AddonModelInfo } from '../engine/addon.js'
import { DisposedError } from '../engine/errors.js'

interface Handle {
  info(): AddonModelInfo
  dispose(): Promise<void>
}

/** What a loaded pointer and a loaded segmenter have in common: a handle and its end. */
export abstract class LoadedModel<E extends Handle> implements AsyncDisposable {
  /** The model in the engine; what it does is documented in the addon's types. */
  readonly handle: E
  readonly #name: string
  #disposed = false

  /** @param name of the model, for messages. */
  constructor(handle: E, name: string) {
    this.handle = handle
    this.#name = name
  }

  get info(): ReturnType<E['info']> {
    this.checkAlive()
    return this.handle.info() as ReturnType<E['info']>
  }

  protected checkAlive(): void {
    if (this.#disposed) throw new DisposedError(`the ${this.#name} was disposed`)
  }

  /** Frees the model; running calls settle with ABORTED. A second call does nothing. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.handle.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}
