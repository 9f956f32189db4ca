import type {
  AddonPointer,
  AddonPointerStream,
  AddonWeights,
  Attributes,
} from '../../lib/engine/addon.js'
import type { PointerCase } from '../../test/parity/runner/pointer.js'
import { relativeL2 } from '../../test/parity/runner/report.js'

/** A model and the questions it is asked. */
export interface Subject {
  name: string
  attributes: Attributes
  weights: AddonWeights
  cases: PointerCase[]
}

/** What the exact model says to one question. */
export interface Exact {
  /** Of the last prompt position. */
  logits: Float32Array
  ids: Int32Array
}

const MAX_NEW_TOKENS = 48

/** Runs `body` with the case's frames encoded; its frame comes last. */
async function withFrames<T>(
  pointer: AddonPointer,
  { frame, previous }: PointerCase,
  body: (stream: AddonPointerStream, frameIndex: number) => Promise<T>,
): Promise<T> {
  const stream = pointer.openStream({ capacity: previous.length + 1 })
  try {
    for (const [index, image] of [...previous, frame].entries()) await stream.encode(index, image)
    return await body(stream, previous.length)
  } finally {
    stream.dispose()
  }
}

async function promptLogits(
  stream: AddonPointerStream,
  frameIndex: number,
  promptIds: Int32Array,
): Promise<Float32Array> {
  const options = { maxNewTokens: 1, trace: true }
  const [answer] = await stream.answer([{ frameIndex, promptIds }], options)
  return answer!.tensors!['llm.logits.last']!.data as Float32Array
}

export async function readExact(pointer: AddonPointer, { cases }: Subject): Promise<Exact[]> {
  const exact: Exact[] = []
  for (const one of cases) {
    await withFrames(pointer, one, async (stream, frameIndex) => {
      const { promptIds } = one
      const logits = await promptLogits(stream, frameIndex, promptIds)
      const request = { frameIndex, promptIds }
      const [answer] = await stream.answer([request], { maxNewTokens: MAX_NEW_TOKENS })
      exact.push({ logits, ids: answer!.ids })
    })
  }
  return exact
}

/** Error of the logits over all questions, and tokens that equal the exact ones behind exact ones. */
export async function compareWith(
  pointer: AddonPointer,
  { cases }: Subject,
  exact: readonly Exact[],
): Promise<{ error: number; same: number }> {
  const found: number[] = []
  const wanted: number[] = []
  let same = 0
  for (const [i, one] of cases.entries()) {
    const { logits, ids } = exact[i]!
    await withFrames(pointer, one, async (stream, frameIndex) => {
      found.push(...(await promptLogits(stream, frameIndex, one.promptIds)))
      wanted.push(...logits)
      const requests = [...ids.keys()].map(step => {
        const promptIds = Int32Array.from([...one.promptIds, ...ids.subarray(0, step)])
        return { frameIndex, promptIds }
      })
      const next = await stream.answer(requests, { maxNewTokens: 1 })
      same += next.filter((answer, step) => answer.ids[0] === ids[step]).length
    })
  }
  return { error: relativeL2(found, wanted), same }
}
