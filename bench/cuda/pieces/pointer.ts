import type { AddonAnswer, AddonPointer } from '../../../lib/engine/addon.js'
import { typed } from '../../../lib/engine/errors.js'
import { repeated, timed } from '../measure.js'
import type { BenchDtype } from '../options.js'
import { type CheckRow, type Row, spread, type TimeRow } from '../results.js'
import type { Setup } from '../setup.js'

/** Frames from one keyframe to the next, as grounding has it (k). */
const EVERY = 5

/** A clip of one picture, so that every frame with four predecessors has the same answer. */
export class PointerClip {
  readonly #stream
  #frames = 0

  constructor(
    readonly model: AddonPointer,
    readonly setup: Setup,
  ) {
    const { batch } = setup.sizes
    this.#stream = model.openStream({ capacity: batch + EVERY, images: 2 * batch })
  }

  /** Encodes the next frames as one batch; the last one's index. */
  async encode(count: number): Promise<number> {
    const image = this.setup.sizes.frame
    const frames = Array.from({ length: count }, () => ({ frameIndex: this.#frames++, image }))
    await typed(() => this.#stream.encodeBatch(frames))
    return this.#frames - 1
  }

  async prepare(frameIndex: number): Promise<void> {
    await typed(() => this.#stream.prepare(frameIndex))
  }

  answer(frames: readonly number[], draft?: Int32Array): Promise<AddonAnswer[]> {
    const { promptTokens, answerTokens } = this.setup.sizes
    const promptIds = Int32Array.from({ length: promptTokens }, (_, i) => 20 + i)
    const requests = frames.map(frameIndex => ({
      frameIndex,
      promptIds,
      ...(draft ? { draft } : {}),
    }))
    return typed(() => this.#stream.answer(requests, { maxNewTokens: answerTokens }))
  }

  /** Keyframes that follow each other. */
  async together(count: number): Promise<number[]> {
    const last = await this.encode(count)
    return Array.from({ length: count }, (_, i) => last + 1 - count + i)
  }

  dispose(): void {
    this.#stream.dispose()
  }
}

/**
 * A draft that is half right, as the answer of a neighbouring frame is: of every six ids the last
 * three are others.
 */
export function halfRight(ids: Int32Array, vocabulary: number): Int32Array {
  return ids.map((id, i) => (i % 6 < 3 ? id : (id + 1) % vocabulary))
}

/** What an answer took, for the table. */
function stepsOf({ stats, ids }: AddonAnswer): string {
  const { steps, drafted, accepted } = stats
  return `${ids.length} ids in ${steps} passes behind the prompt, ${accepted} of ${drafted} draft ids right`
}

class Measurement {
  readonly rows: Row[] = []
  #right = new Int32Array()

  constructor(
    readonly clip: PointerClip,
    readonly dtype: BenchDtype,
  ) {}

  get #setup(): Setup {
    return this.clip.setup
  }

  #add(name: string, times: readonly number[], more: Partial<TimeRow> = {}): void {
    const { dtype } = this
    this.rows.push({ kind: 'time', by: 'videomolmo', name, dtype, ...spread(times), ...more })
  }

  #check(name: string, answers: readonly AddonAnswer[]): void {
    const wrong = answers.filter(({ ids }) => ids.join() !== this.#right.join()).length
    const row: CheckRow = {
      kind: 'check',
      name: `${name}: the ids of one frame at a time`,
      dtype: this.dtype,
      passed: wrong === 0 && this.#right.length === this.#setup.sizes.answerTokens,
      detail: wrong === 0 ? `${this.#right.length} ids` : `${wrong} of ${answers.length} differ`,
    }
    this.rows.push(row)
  }

  /** Every way of asking once, before anything is measured. */
  async check(): Promise<void> {
    await this.clip.encode(EVERY)
    const first = await this.clip.answer([await this.clip.encode(1)])
    this.#right = first[0]!.ids as Int32Array<ArrayBuffer>
    this.#check('asked again', await this.clip.answer([await this.clip.encode(1)]))
    this.#check('drafted', await this.clip.answer([await this.clip.encode(1)], this.#right))
    this.#check('half right', await this.clip.answer([await this.clip.encode(1)], this.#half))
    const batch = await this.clip.together(this.#setup.sizes.batch)
    this.#check(`${batch.length} keyframes`, await this.clip.answer(batch))
  }

  get #half(): Int32Array {
    return halfRight(this.#right, this.#setup.sizes.pointer.decoder.vocabSize)
  }

  /** Stages of one frame whose predecessors are encoded. */
  async stages(): Promise<void> {
    const prefill: number[] = []
    const decode: number[] = []
    const vision = await repeated(this.#setup.rounds, async () => {
      let frame = 0
      const ms = await timed(this.clip.model, async () => {
        frame = await this.clip.encode(1)
        await this.clip.prepare(frame)
      })
      const { times } = (await this.clip.answer([frame]))[0]!
      prefill.push(times.prefill ?? Number.NaN)
      decode.push(times.decodeTokens ?? Number.NaN)
      return ms
    })
    const peers = (name: string) => ({ peers: [`${name}, frames encoded again`] })
    this.#add('vision', vision, peers('vision'))
    this.#add('prefill', prefill.slice(-vision.length), { peers: ['prefill'] })
    this.#add(`decoding ${this.#setup.sizes.answerTokens} ids`, decode.slice(-vision.length), {
      peers: ['decoding'],
    })
  }

  async #total(name: string, share: number, ask: () => Promise<AddonAnswer[]>): Promise<void> {
    let note = ''
    const times = await repeated(this.#setup.rounds, async () => {
      const ms = await timed(this.clip.model, async () => {
        note = stepsOf((await ask())[0]!)
      })
      return ms / share
    })
    const peers = ['total, frames encoded again', 'total, features kept']
    this.#add(`total, ${name}`, times, { peers, note })
  }

  async totals(): Promise<void> {
    const { clip } = this
    const { batch } = this.#setup.sizes
    const one = async (draft?: Int32Array) => clip.answer([await clip.encode(1)], draft)
    await this.#total('one frame', 1, () => one())
    await this.#total('one frame, its draft right', 1, () => one(this.#right))
    await this.#total('one frame, its draft half right', 1, () => one(this.#half))
    const keyframes = `a keyframe of ${batch} together`
    await this.#total(keyframes, batch, async () => clip.answer(await clip.together(batch)))
    await this.#total(`${keyframes}, every ${EVERY}th frame`, batch, async () => {
      const frames: number[] = []
      for (let i = 0; i < batch; i++) {
        const frame = await clip.encode(EVERY)
        await clip.prepare(frame)
        frames.push(frame)
      }
      return clip.answer(frames)
    })
  }
}

/**
 * A frame through VideoMolmo: vision, prefill, an answer of 30 ids; plain, drafted and batched. The
 * frame's predecessors are encoded already, as they are in a clip.
 */
export async function pointerPiece(setup: Setup, dtype: BenchDtype): Promise<Row[]> {
  const clip = new PointerClip(await setup.pointer(dtype), setup)
  const measurement = new Measurement(clip, dtype)
  try {
    await measurement.check()
    await measurement.stages()
    await measurement.totals()
  } finally {
    clip.dispose()
  }
  return measurement.rows
}
