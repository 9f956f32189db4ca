import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClipSegmenter } from '../ground/clip-segmenter.js'
import { groundClip } from '../ground/ground.js'
import { nativeMaskWork } from '../ground/mask-work.js'
import type { GroundModels, PointerStream } from '../ground/models.js'
import { groundSettings } from '../ground/options.js'
import type { GroundResult } from '../ground/result.js'
import { openSinks, type SinkName } from '../labels/sinks.js'
import type { FrameSource } from '../video/frame.js'
import { threadMs } from './js-thread.js'
import type { BenchOptions, BenchRow } from './rows.js'

const WIDTH = 1920
const HEIGHT = 1080
const KEYFRAME_EVERY = 5
/** Two whole intervals; the last frame is a keyframe. */
const FRAMES = 2 * KEYFRAME_EVERY + 1

const COLUMNS = 8
const STATS = { promptRows: 0, reusedRows: 0, steps: 0, drafted: 0, accepted: 0 }

/** Where object o of a frame with up to 64 lies. */
const centerOf = (o: number) => ({
  x: 120 + (o % COLUMNS) * 240,
  y: 68 + Math.floor(o / COLUMNS) * 135,
})

/** An object with a wavy outline, 230 pixels across; neighbours touch. */
function blob(o: number, shift: number): Uint8Array {
  const data = new Uint8Array(WIDTH * HEIGHT)
  const { x: cx, y: cy } = centerOf(o)
  for (let y = Math.max(0, cy - 130); y < Math.min(HEIGHT, cy + 130); y++) {
    for (let x = Math.max(0, cx - 130); x < Math.min(WIDTH, cx + 130); x++) {
      const [dx, dy] = [x - cx - shift, y - cy]
      const reach = 110 + 8 * Math.sin(9 * Math.atan2(dy, dx))
      data[y * WIDTH + x] = +(dx * dx + dy * dy < reach * reach)
    }
  }
  return data
}

/** Knows its masks beforehand: what is left of grounding is what is done with them. */
function drawnSegmenter(objects: number): ClipSegmenter {
  const drawn = (shift: number) => Array.from({ length: objects }, (_, o) => blob(o, shift))
  const [forward, backward] = [drawn(0), drawn(5)]
  const ious = new Float32Array(objects).fill(0.75)
  return {
    encode: async () => ({ features: { dispose: () => {} } }),
    openTrack: ({ reverse }) => {
      const found = async () => ({ masks: reverse ? backward : forward, ious })
      return { start: found, step: found, dispose: () => {} }
    },
  }
}

function pointAtAll(objects: number): PointerStream {
  const points = Array.from({ length: objects }, (_, o) => centerOf(o))
  return {
    encode: async () => ({}),
    prepare: async () => ({}),
    answer: async frames =>
      frames.map(frameIndex => ({ frameIndex, points, text: '', timings: {}, stats: STATS })),
    dispose: () => {},
  }
}

/** The same gray picture again and again. */
function still(): FrameSource {
  const data = new Uint8Array(WIDTH * HEIGHT * 3).fill(128)
  return {
    frameCount: FRAMES,
    expectedFrames: FRAMES,
    frameRate: null,
    name: 'still',
    access: null,
    async *[Symbol.asyncIterator]() {
      for (let index = 0; index < FRAMES; index++) {
        yield { data, width: WIDTH, height: HEIGHT, index, timeNs: 0n, decodeMs: 0 }
      }
    },
  }
}

/** What masks.json holds of a frame. */
function packed({ mask, objects }: GroundResult): number {
  return objects.reduce((sum, object) => sum + object.mask.toRLE().counts.length, 0) + mask.area
}

/** Grounds the still clip once and takes every result; milliseconds per frame. */
async function groundOnce(
  models: GroundModels,
  take: (result: GroundResult) => unknown,
): Promise<{ wall: number; thread: number }> {
  const settings = groundSettings({ keyframeEvery: KEYFRAME_EVERY, contextFrames: 0 }, 0)
  const [since, before] = [performance.now(), threadMs()]
  for await (const result of groundClip(models, still(), 'all', settings)) await take(result)
  const [wall, thread] = [performance.now() - since, threadMs() - before]
  return { wall: wall / FRAMES, thread: thread / FRAMES }
}

async function measure(
  name: string,
  objects: number,
  rounds: number,
  take: (result: GroundResult) => unknown,
): Promise<BenchRow[]> {
  const models: GroundModels = {
    pointer: { openStream: () => pointAtAll(objects) },
    segmenter: drawnSegmenter(objects),
    masks: nativeMaskWork,
  }
  await groundOnce(models, take)
  const times: { wall: number; thread: number }[] = []
  for (let round = 0; round < rounds; round++) times.push(await groundOnce(models, take))
  return [
    { name, times: times.map(({ wall }) => wall) },
    { name: '  of it the JavaScript thread', times: times.map(({ thread }) => thread) },
  ]
}

/** The same with 16 objects and every frame written to outputs. */
async function measureWritten(names: readonly SinkName[], rounds: number): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'videomolmo-masks-'))
  const sink = await openSinks(folder, names)
  try {
    return await measure(`  with ${names.join(', ')}`, 16, rounds, frame => sink.write(frame))
  } finally {
    await sink.close()
    await rm(folder, { recursive: true })
  }
}

/**
 * What is done with the masks of a frame of 1920 x 1080 pixels between two keyframes and on them,
 * models left out: linking, fusion, boxes, points and run lengths; then with files written. Of each,
 * how long a frame takes and what of that is the JavaScript thread's.
 */
export async function benchMasks({ rounds }: BenchOptions): Promise<BenchRow[]> {
  return [
    ...(await measure('a frame with 1 object', 1, rounds, packed)),
    ...(await measure('a frame with 16 objects', 16, rounds, packed)),
    ...(await measureWritten(['points', 'rle', 'masks'], rounds)),
    ...(await measureWritten(['overlay'], rounds)),
    ...(await measure('a frame with 64 objects', 64, rounds, packed)),
  ]
}
