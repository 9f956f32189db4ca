import { DisposedError } from '../engine/errors.js'
import type { ModelInfo } from '../engine/public-types.js'

/** The model in the engine, as far as all models are alike. */
interface Handle<Info> {
  info(): Info
  dispose(): Promise<void>
}

/** What a loaded pointer and a loaded segmenter have in common: what they are, and their end. */
export abstract class LoadedModel<Info extends ModelInfo> implements AsyncDisposable {
  readonly #model: Handle<Info>
  readonly #name: string
  #disposed = false

  /**
   * @internal
   * @param name of the model, for messages.
   */
  constructor(model: Handle<Info>, name: string) {
    this.#model = model
    this.#name = name
  }

  get info(): Info {
    this.checkAlive()
    return this.#model.info()
  }

  /** @internal */
  protected checkAlive(): void {
    if (this.#disposed) throw new DisposedError(`the ${this.#name} was disposed`)
  }

  /** Frees the model; running calls settle with ABORTED. A second call does nothing. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.#model.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}
