import type { BenchDtype } from '../options.js'
import { type Row, spread } from '../results.js'
import type { Setup } from '../setup.js'
import { weightsPerStep } from '../sizes.js'
import { PointerClip } from './pointer.js'

/**
 * A decoding step beside the bytes of weights that it has to read: of one sequence, and of eight
 * side by side. The weights are several times the cache, so every step finds them outside of it.
 */
export async function decodePiece(setup: Setup, dtype: BenchDtype): Promise<Row[]> {
  const { answerTokens, batch, pointer } = setup.sizes
  const clip = new PointerClip(await setup.pointer(dtype), setup)
  const rows: Row[] = []
  try {
    for (const sequences of [1, batch]) {
      const times: number[] = []
      for (let round = 0; round <= setup.rounds; round++) {
        const answers = await clip.answer(await clip.together(sequences))
        const ms = answers.reduce((sum, answer) => sum + (answer.times.decodeTokens ?? 0), 0)
        if (round > 0) times.push(ms / (answerTokens - 1))
      }
      rows.push({
        kind: 'time',
        by: 'videomolmo',
        name: `a step of ${sequences} sequence${sequences > 1 ? 's' : ''}`,
        dtype,
        ...spread(times),
        bytes: weightsPerStep(pointer, dtype),
        ...(sequences === 1 ? { peers: ['a step of 1 sequence'] } : {}),
      })
    }
  } finally {
    clip.dispose()
  }
  return rows
}
