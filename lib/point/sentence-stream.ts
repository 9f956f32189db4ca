import type { AddonPointerStream } from '../engine/addon.js'
import { withCancel } from '../engine/cancel.js'
import type { PointerText } from '../families/family.js'
import type {
  AnswerOptions,
  PointerAnswer,
  PointerCall,
  PointerStream,
  Timings,
} from '../ground/models.js'
import type { Frame } from '../video/frame.js'

/** Sentences whose last answers are kept as drafts. */
const KEPT_DRAFTS = 16

/** A clip's encoded frames in the engine, asked in sentences. */
export class SentenceStream implements PointerStream {
  readonly #stream: AddonPointerStream
  readonly #text: PointerText
  /** All frames of a stream have one size. */
  #size = { width: 0, height: 0 }
  /** The last answer to each sentence: the frames of a clip are answered much alike. */
  readonly #drafts = new Map<string, Int32Array>()

  constructor(stream: AddonPointerStream, text: PointerText) {
    this.#stream = stream
    this.#text = text
  }

  async encode(frames: readonly Frame[], { signal }: PointerCall): Promise<Timings> {
    const batch = frames.map(({ index, data, width, height }) => {
      this.#size = { width, height }
      return { frameIndex: index, image: { data, width, height } }
    })
    return (await withCancel(signal, call => this.#stream.encodeBatch(batch, call))).times
  }

  async prepare(frameIndex: number, options: AnswerOptions): Promise<Timings> {
    const { contextFrames, blackContext, signal } = options
    const { times } = await withCancel(signal, call =>
      this.#stream.prepare(frameIndex, { contextFrames, blackContext, ...call }),
    )
    return times
  }

  async answer(
    frameIndices: readonly number[],
    query: string,
    { draft, signal, ...options }: AnswerOptions,
  ): Promise<PointerAnswer[]> {
    const promptIds = this.#text.encodePrompt(query)
    const guess = draft ? { draft: this.#drafts.get(query) ?? this.#text.encodeDraft(query) } : {}
    const requests = frameIndices.map(frameIndex => ({ frameIndex, promptIds, ...guess }))
    const answers = await withCancel(signal, call =>
      this.#stream.answer(requests, { ...options, ...call }),
    )
    if (answers.length > 0) this.#keepDraft(query, answers.at(-1)!.ids)
    const { width, height } = this.#size
    return answers.map(({ ids, times, stats }, i) => {
      const text = this.#text.decode(ids)
      const points = this.#text.parse(text, width, height)
      return { frameIndex: frameIndices[i]!, points, text, timings: times, stats }
    })
  }

  #keepDraft(query: string, ids: Int32Array): void {
    this.#drafts.delete(query)
    this.#drafts.set(query, ids)
    if (this.#drafts.size > KEPT_DRAFTS) this.#drafts.delete(this.#drafts.keys().next().value!)
  }

  dispose(): void {
    this.#stream.dispose()
  }
}
