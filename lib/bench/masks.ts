import { addon } from '../engine/loader.js'
import type { ClipSegmenter } from '../ground/clip-segmenter.js'
import { groundClip } from '../ground/ground.js'
import type { GroundModels, PointerStream } from '../ground/models.js'
import { groundSettings } from '../ground/options.js'
import type { GroundResult } from '../ground/result.js'
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

/** Grounds the still clip once and packs every result; milliseconds per frame. */
async function groundOnce(models: GroundModels): Promise<{ wall: number; thread: number }> {
  const settings = groundSettings({ keyframeEvery: KEYFRAME_EVERY, contextFrames: 0 }, 0)
  const [since, before] = [performance.now(), threadMs()]
  for await (const result of groundClip(models, still(), 'all', settings)) packed(result)
  const [wall, thread] = [performance.now() - since, threadMs() - before]
  return { wall: wall / FRAMES, thread: thread / FRAMES }
}

/**
 * What is done with the masks of a frame of 1920 x 1080 pixels between two keyframes and on them,
 * models left out: linking, fusion, boxes, points and run lengths. Of each, how long a frame takes
 * and what of that is the JavaScript thread's.
 */
export async function benchMasks({ rounds }: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const objects of [1, 16, 64]) {
    const models: GroundModels = {
      pointer: { openStream: () => pointAtAll(objects) },
      segmenter: drawnSegmenter(objects),
      masks: addon(),
    }
    await groundOnce(models)
    const times: { wall: number; thread: number }[] = []
    for (let round = 0; round < rounds; round++) times.push(await groundOnce(models))
    rows.push(
      { name: `a frame with ${objects} objects`, times: times.map(({ wall }) => wall) },
      { name: '  of it the JavaScript thread', times: times.map(({ thread }) => thread) },
    )
  }
  return rows
}
