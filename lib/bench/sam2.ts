import type { AddonImageFeatures, AddonSegmenter } from '../engine/addon.js'
import { typed } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { Fields } from '../families/fields.js'
import { sam2Attributes } from '../families/sam2-attributes.js'
import { segmenterDtype } from '../load/settings.js'
import { testPicture } from './pictures.js'
import { type BenchOptions, type BenchRow, repeat } from './rows.js'

const SIZE = { width: 960, height: 540 }

/** Frames after which the memory bank and the object pointers are full. */
const WARM_FRAMES = 17

/** GFLOP of SAM 2.1 tiny at 1024 pixels (docs/spec/sam2.md 15). */
const ENCODER_GFLOP = 292.4

async function loadTiny({ device, dtype, threads }: BenchOptions): Promise<AddonSegmenter> {
  // Without this shift generated weights say "no object" and the tracker has nothing to follow.
  const adjust = { 'sam_mask_decoder.pred_obj_score_head.layers.2.bias': { add: 10 } }
  return typed(() =>
    addon().loadSegmenter({
      family: 'sam2',
      attributes: sam2Attributes(new Fields({}, 'benchmark')),
      weights: { hash: true, adjust },
      device,
      dtype: segmenterDtype(dtype, device),
      threads,
    }),
  )
}

/** SAM 2.1 tiny at 1024 pixels: image encoder, and a tracked frame with the full memory. */
export async function benchSam2(options: BenchOptions): Promise<BenchRow[]> {
  const model = await loadTiny(options)
  let features: AddonImageFeatures | undefined
  const encode = await repeat(options.rounds, async () => {
    features?.dispose()
    const encoded = await typed(() =>
      model.encode(testPicture(SIZE.width, SIZE.height), { mode: 'video' }),
    )
    features = encoded.features
    await model.memory()
  })
  const stages = new Map<string, number[]>()
  const track = await trackFrames(model, features!, options.rounds, stages)
  features!.dispose()
  await model.dispose()
  return [
    { name: 'image encoder', times: encode, work: { amount: ENCODER_GFLOP, unit: 'GFLOP' } },
    { name: 'tracked frame, without encoder', times: track },
    ...[...stages].map(([name, times]) => ({ name: `  ${name}`, times })),
    { name: 'tracked frame in all', times: track.map((ms, i) => ms + encode[i]!) },
  ]
}

async function trackFrames(
  model: AddonSegmenter,
  features: AddonImageFeatures,
  rounds: number,
  stages: Map<string, number[]>,
): Promise<number[]> {
  const frameCount = WARM_FRAMES + rounds + 1
  const video = model.openVideo({ ...SIZE, frameCount })
  const points = Float32Array.of(480, 270)
  await typed(() => video.addPoints(0, features, 0, { points, labels: Int32Array.of(1) }))
  await typed(() => video.commit(0, features))
  const times: number[] = []
  for (const frame of video.planPropagation({ startFrame: 0 })) {
    if (frame <= WARM_FRAMES) {
      await typed(() => video.track(frame, features))
      continue
    }
    // A frame's features keep what the tracker derived from them, so a measured frame needs its
    // own.
    const picture = testPicture(SIZE.width, SIZE.height)
    const { features: fresh } = await typed(() => model.encode(picture, { mode: 'video' }))
    // A GPU is still at work when a call returns that hands out nothing of it.
    await model.memory()
    const since = performance.now()
    const found = await typed(() => video.track(frame, fresh))
    times.push(performance.now() - since)
    fresh.dispose()
    for (const [stage, ms] of Object.entries(found.times)) {
      stages.set(stage, [...(stages.get(stage) ?? []), ms])
    }
  }
  video.dispose()
  return times
}
