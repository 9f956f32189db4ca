import type { AddonModelInfo } from '../engine/addon.js'
import { DisposedError } from '../engine/errors.js'

interface Engine {
  info(): AddonModelInfo
  dispose(): Promise<void>
}

/** What a loaded pointer and a loaded segmenter have in common: an engine handle and its end. */
export abstract class LoadedModel<E extends Engine> implements AsyncDisposable {
  /** Engine handle; what it does is documented in the addon's types. */
  readonly engine: E
  readonly #name: string
  #disposed = false

  /** @param name of the model, for messages. */
  constructor(engine: E, name: string) {
    this.engine = engine
    this.#name = name
  }

  get info(): ReturnType<E['info']> {
    this.checkAlive()
    return this.engine.info() as ReturnType<E['info']>
  }

  protected checkAlive(): void {
    if (this.#disposed) throw new DisposedError(`the ${this.#name} was disposed`)
  }

  /** Frees the model; running calls settle with ABORTED. A second call does nothing. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.engine.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}
