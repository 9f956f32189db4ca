import { performance } from 'node:perf_hooks'
import type { AddonMemoryUse, AddonSegmenter } from '../../../lib/engine/addon.js'
import type { PointerText } from '../../../lib/families/family.js'
import { molmoCapabilities } from '../../../lib/families/molmo.js'
import { SAM2_CAPABILITIES } from '../../../lib/families/sam2.js'
import { VideoMolmo } from '../../../lib/ground/videomolmo.js'
import { Pointer } from '../../../lib/point/pointer.js'
import { Segmenter } from '../../../lib/segment/segmenter.js'
import type { RgbImage } from '../../../lib/video/pixels.js'
import { repeated } from '../measure.js'
import type { BenchDtype } from '../options.js'
import { type CheckRow, type Row, spread } from '../results.js'
import type { Setup } from '../setup.js'

/** Where the sentence's objects are, in shares of width and height. */
const OBJECTS = [
  [0.25, 0.3],
  [0.6, 0.5],
  [0.8, 0.75],
] as const

/**
 * Generated weights answer with ids that mean nothing: prompts have their usual length, and every
 * answer stands for the same three points.
 */
function textOf(promptTokens: number): PointerText {
  return {
    encodePrompt: () => Int32Array.from({ length: promptTokens }, (_, i) => 20 + i),
    encodeDraft: () => new Int32Array(),
    decode: ids => ids.join(' '),
    parse: (_, width, height) => OBJECTS.map(([x, y]) => ({ x: x * width, y: y * height })),
  }
}

/** The whole system on models of the engine, which stay the caller's. */
async function systemOf(
  setup: Setup,
  dtype: BenchDtype,
  segmenter: AddonSegmenter,
): Promise<VideoMolmo> {
  const pointer = Pointer.of({
    handle: await setup.pointer(dtype),
    text: textOf(setup.sizes.promptTokens),
    capabilities: molmoCapabilities(setup.sizes.pointer),
  })
  return VideoMolmo.of(pointer, Segmenter.of(segmenter, SAM2_CAPABILITIES), [])
}

/** Frames of one picture, as many as wanted, without holding them. */
async function* frames(picture: RgbImage, count: number) {
  for (let i = 0; i < count; i++) yield picture
}

function ground(vm: VideoMolmo, setup: Setup, count: number) {
  return vm.ground(frames(setup.sizes.frame, count), 'the objects', {
    maxNewTokens: setup.sizes.answerTokens,
  })
}

/** A clip takes seconds, and its frames make up for repetitions. */
const MOST_ROUNDS = 3

/** ground() at k = 5, the default, with each of the segmenters. */
export async function groundPiece(setup: Setup, dtype: BenchDtype): Promise<Row[]> {
  const count = setup.sizes.groundFrames
  const rows: Row[] = []
  for (const name of Object.keys(setup.sizes.segmenters)) {
    const segmenter = await setup.segmenter(name)
    const vm = await systemOf(setup, dtype, segmenter)
    const times = await repeated(Math.min(setup.rounds, MOST_ROUNDS), async () => {
      const since = performance.now()
      let seen = 0
      for await (const _ of ground(vm, setup, count)) seen++
      if (seen !== count) throw new Error(`ground() gave ${seen} of ${count} frames`)
      return performance.now() - since
    })
    await segmenter.dispose()
    rows.push({
      kind: 'time',
      by: 'videomolmo',
      name: `ground() with ${name}, ${OBJECTS.length} objects, k = 5`,
      dtype,
      ...spread(times),
      frames: count,
    })
  }
  return rows
}

/** Bytes of growth that count as none: steps in which a pool takes memory. */
const FLAT = 16 * 2 ** 20

/** Memory of both models over a long clip: it must not grow once everything was seen once. */
export async function memoryPiece(setup: Setup, dtype: BenchDtype): Promise<Row[]> {
  const count = setup.sizes.memoryFrames
  const [name] = Object.keys(setup.sizes.segmenters)
  const segmenter = await setup.segmenter(name!)
  const vm = await systemOf(setup, dtype, segmenter)
  const pointer = await setup.pointer(dtype)
  const taken = async () => {
    const uses: AddonMemoryUse[] = [await pointer.memory(), await segmenter.memory()]
    return uses.reduce((sum, use) => sum + use.taken, 0)
  }
  const loaded = await taken()
  const readings: number[] = []
  let seen = 0
  for await (const _ of ground(vm, setup, count)) {
    if (++seen % Math.ceil(count / 20) === 0) readings.push(await taken())
  }
  await segmenter.dispose()
  const half = readings.length >> 1
  const early = Math.max(...readings.slice(0, half), loaded)
  const later = Math.max(...readings.slice(half))
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
  const check: CheckRow = {
    kind: 'check',
    name: `memory of both models over ${count} frames is flat`,
    dtype,
    passed: readings.length > 0 && later <= early + FLAT,
    detail: `${mebibytes(loaded)} when loaded, ${mebibytes(early)} in the first half, at most ${mebibytes(later)} in the second`,
  }
  return [check]
}
