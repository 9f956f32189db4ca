import type {
  AddonFrameMasks,
  AddonImageFeatures,
  AddonSegmenter,
  AddonVideo,
} from '../../../lib/engine/addon.js'
import { typed } from '../../../lib/engine/errors.js'
import { maskIou, repeated, timed } from '../measure.js'
import { type Row, spread, type TimeRow } from '../results.js'
import type { Setup } from '../setup.js'

const DTYPE = 'bf16'

/** Least IoU of an object beside others with the same object alone. */
const LEAST_IOU = 0.995

/** A clip of one picture with a click per object, tracked frame by frame. */
class Tracked {
  readonly #model: AddonSegmenter
  readonly #setup: Setup
  readonly #video: AddonVideo
  #plan: number[] = []

  constructor(model: AddonSegmenter, setup: Setup) {
    this.#model = model
    this.#setup = setup
    const { width, height } = setup.sizes.frame
    const frameCount = setup.sizes.warmFrames + 2 * setup.rounds + 8
    this.#video = model.openVideo({ width, height, frameCount })
  }

  async #encode(): Promise<AddonImageFeatures> {
    return (await typed(() => this.#model.encode(this.#setup.sizes.frame, { mode: 'video' })))
      .features
  }

  /** Clicks and the frames until the memory is full; the masks of the last one. */
  async start(objects: number): Promise<AddonFrameMasks> {
    const { width, height } = this.#setup.sizes.frame
    const features = await this.#encode()
    for (let object = 0; object < objects; object++) {
      // The first click is the same however many there are.
      const points = Float32Array.of(
        width * (0.5 + 0.45 * Math.sin(2.4 * object)),
        height * (0.5 + 0.45 * Math.sin(1.7 * object)),
      )
      const prompt = { points, labels: Int32Array.of(1) }
      await typed(() => this.#video.addPoints(0, features, object + 1, prompt))
    }
    await typed(() => this.#video.commit(0, features))
    features.dispose()
    this.#plan = this.#video.planPropagation({ startFrame: 0 })
    let last: AddonFrameMasks | undefined
    for (let i = 0; i <= this.#setup.sizes.warmFrames; i++) last = await this.next()
    return last!
  }

  /** The next frame: encoded and tracked. */
  async next(): Promise<AddonFrameMasks> {
    const features = await this.#encode()
    const masks = await this.track(features)
    features.dispose()
    return masks
  }

  /** Tracks the next frame; features are used once, as trackers keep what they derive from them. */
  track(features: AddonImageFeatures): Promise<AddonFrameMasks> {
    return typed(() => this.#video.track(this.#plan.shift()!, features))
  }

  /** The part of a frame that its objects cost, its features being there. */
  async trackTime(): Promise<number> {
    const features = await this.#encode()
    await this.#model.memory()
    const ms = await timed(this.#model, () => this.track(features))
    features.dispose()
    return ms
  }

  dispose(): void {
    this.#video.dispose()
  }
}

function timeRow(name: string, times: readonly number[], peers: string[]): TimeRow {
  return { kind: 'time', by: 'videomolmo', name, dtype: DTYPE, ...spread(times), peers }
}

async function encoderRow(model: AddonSegmenter, setup: Setup, name: string): Promise<Row> {
  const times = await repeated(setup.rounds, async () => {
    let features: AddonImageFeatures | undefined
    const ms = await timed(model, async () => {
      features = (await typed(() => model.encode(setup.sizes.frame, { mode: 'video' }))).features
    })
    features!.dispose()
    return ms
  })
  const row = `${name}, image encoder`
  return timeRow(row, times, [row])
}

async function objectRows(
  model: AddonSegmenter,
  setup: Setup,
  name: string,
  objects: number,
  alone: Uint8Array | undefined,
): Promise<{ rows: Row[]; first: Uint8Array }> {
  const tracked = new Tracked(model, setup)
  try {
    const first = (await tracked.start(objects)).masks[0]!
    const label = `${name}, ${objects} object${objects > 1 ? 's' : ''}`
    const rows: Row[] = []
    if (alone) {
      const iou = maskIou(first, alone)
      rows.push({
        kind: 'check',
        name: `${label}: the first one is as alone`,
        dtype: DTYPE,
        passed: iou >= LEAST_IOU,
        detail: `IoU ${iou.toFixed(4)}, at least ${LEAST_IOU}`,
      })
    }
    const apart = await repeated(setup.rounds, () => tracked.trackTime())
    rows.push(timeRow(`${label}, without the encoder`, apart, []))
    const whole = await repeated(setup.rounds, () => timed(model, () => tracked.next()))
    rows.push(timeRow(`${label}, a frame`, whole, [`${label}, eager`, `${label}, compiled`]))
    return { rows, first }
  } finally {
    tracked.dispose()
  }
}

/** SAM 2 on a propagated frame with the full memory, by the number of objects. */
export async function sam2Piece(setup: Setup): Promise<Row[]> {
  const rows: Row[] = []
  for (const name of Object.keys(setup.sizes.segmenters)) {
    const model = await setup.segmenter(name)
    rows.push(await encoderRow(model, setup, name))
    let alone: Uint8Array | undefined
    for (const objects of setup.sizes.objects) {
      const found = await objectRows(model, setup, name, objects, alone)
      rows.push(...found.rows)
      alone ??= found.first
    }
    await model.dispose()
  }
  return rows
}
