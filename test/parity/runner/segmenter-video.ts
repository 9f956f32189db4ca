import type {
  AddonFrameMasks,
  AddonImageFeatures,
  AddonSegmenter,
  AddonTensor,
  AddonTensors,
  AddonVideo,
  AddonVideoOptions,
} from '../../../lib/engine/addon.js'
import { Fields } from '../../../lib/families/fields.js'
import { sam2Predictor } from '../reference/sam2-predictor.js'
import type { EngineOptions } from './engine-options.js'
import type { GoldenSet, Json } from './golden.js'
import { Report } from './report.js'
import { loadSegmenter } from './segmenter.js'
import { f32, i32, image, row, stack } from './tensors.js'

/** meta.ops: what a user of the video predictor did, in order. */
interface Operation {
  op: 'add_points_or_box' | 'add_mask' | 'propagate' | 'clear_prompts' | 'remove_object' | 'reset'
  frame?: number
  obj?: number
  points?: [number, number][]
  labels?: number[]
  box?: [number, number, number, number]
  clear_old_points?: boolean
  start?: number
  max?: number
  reverse?: boolean
}

/** A list of operations on a video session, replayed once per list ("main" has no prefix). */
export async function runSegmenterVideo(set: GoldenSet, engine: EngineOptions): Promise<Report> {
  const report = new Report(set, 'segmenter video')
  const segmenter = await loadSegmenter(set, engine)
  try {
    for (const [list, operations] of Object.entries(set.meta.ops!)) {
      const replay = new Replay(set, segmenter, list)
      await replay.run(operations as unknown as Operation[])
      for (const name of Object.keys(set.expected)) {
        if (name.startsWith(replay.prefix)) report.tensor(name, replay.actual[name])
      }
    }
  } finally {
    await segmenter.dispose()
  }
  return report.finish()
}

function videoOptions(set: GoldenSet, list: string): AddonVideoOptions {
  const [frameCount, height, width] = set.input('frames.rgb').shape as [number, number, number]
  const switches = (set.meta.switches?.[list] ?? {}) as Json
  const predictor = { ...((set.config.predictor as Json) ?? {}), ...switches }
  const fields = new Fields({ predictor }, set.file('meta.json'))
  return {
    width,
    height,
    frameCount,
    ...sam2Predictor(fields),
    maxConditioningFrames: new Fields(
      { ...set.config, ...switches },
      set.file('config.json'),
    ).integer('max_cond_frame_num', -1, -1),
    keepCorrections: false,
  }
}

class Replay {
  readonly actual: AddonTensors = {}
  readonly prefix: string
  readonly #set: GoldenSet
  readonly #segmenter: AddonSegmenter
  readonly #video: AddonVideo
  readonly #size: { width: number; height: number }
  readonly #features = new Map<number, AddonImageFeatures>()
  #step = ''

  constructor(set: GoldenSet, segmenter: AddonSegmenter, list: string) {
    this.#set = set
    this.#segmenter = segmenter
    this.prefix = list === 'main' ? '' : list
    const options = videoOptions(set, list)
    this.#size = options
    this.#video = segmenter.openVideo(options)
  }

  async run(operations: Operation[]): Promise<void> {
    for (const [index, operation] of operations.entries()) {
      this.#step = `${this.prefix}op${index}.`
      await this.#apply(operation, index)
      const ids = this.#video.objectIds()
      this.#put('obj_ids', i32([ids.length], ids))
    }
    this.#video.dispose()
    for (const features of this.#features.values()) features.dispose()
  }

  #put(name: string, tensor: AddonTensor): void {
    this.actual[this.#step + name] = tensor
  }

  async #featuresOf(frame: number): Promise<AddonImageFeatures> {
    let features = this.#features.get(frame)
    if (!features) {
      const picture = image(row(this.#set.input('frames.rgb'), frame))
      const encoded = await this.#segmenter.encode(picture, { mode: 'video' })
      features = encoded.features
      this.#features.set(frame, features)
    }
    return features
  }

  async #apply(operation: Operation, index: number): Promise<void> {
    const { op, frame = 0, obj = 0 } = operation
    const options = { trace: true, logits: true }
    switch (op) {
      case 'add_points_or_box': {
        const { points, labels, box, clear_old_points: clearOldPoints } = operation
        const prompt = {
          ...(points ? { points: Float32Array.from(points.flat()) } : {}),
          ...(labels ? { labels: Int32Array.from(labels) } : {}),
          ...(box ? { box: Float32Array.from(box) } : {}),
          ...(clearOldPoints === undefined ? {} : { clearOldPoints }),
        }
        const features = await this.#featuresOf(frame)
        this.#masks('', await this.#video.addPoints(frame, features, obj, prompt, options))
        return
      }
      case 'add_mask': {
        const tensor = this.#set.input(`${this.prefix}op${index}.mask`)
        const [height, width] = tensor.shape as [number, number]
        const mask = { data: tensor.data as Uint8Array, width, height }
        const features = await this.#featuresOf(frame)
        this.#masks('', await this.#video.addMask(frame, features, obj, mask, options))
        return
      }
      case 'clear_prompts':
        this.#masks('', await this.#video.clearPromptsInFrame(frame, obj, options))
        return
      case 'remove_object':
        for (const masks of await this.#video.removeObject(obj, options)) {
          this.#masks(`f${masks.frameIndex}.`, masks)
        }
        return
      case 'reset':
        this.#video.reset()
        return
      case 'propagate':
        await this.#propagate(operation)
        return
      default:
        throw new Error(`${this.#set.folder}: meta.json has the unknown operation ${op}`)
    }
  }

  async #propagate({ start, max, reverse = false }: Operation): Promise<void> {
    for (const frame of this.#video.promptedFrames()) {
      const features = await this.#featuresOf(frame)
      await this.#commit(frame, features)
    }
    const frames = this.#video.planPropagation({
      ...(start === undefined ? {} : { startFrame: start }),
      ...(max === undefined ? {} : { maxFrames: max }),
      reverse,
    })
    this.#put('frames', i32([frames.length], frames))
    for (const frame of frames) {
      const features = await this.#featuresOf(frame)
      const options = { trace: true, logits: true, reverse }
      this.#masks(`f${frame}.`, await this.#video.track(frame, features, options))
    }
  }

  async #commit(frame: number, features: AddonImageFeatures): Promise<void> {
    const result = await this.#video.commit(frame, features, { trace: true })
    for (const [name, tensor] of Object.entries(result.tensors ?? {})) this.#put(name, tensor)
  }

  #masks(frame: string, result: AddonFrameMasks): void {
    const { width, height } = this.#size
    this.#put(`${frame}video_masks`, stack(result.masks, height, width))
    if (result.logits) {
      const shape = [result.masks.length, height, width]
      this.#put(`${frame}video_logits`, f32(shape, result.logits))
    }
    for (const [name, tensor] of Object.entries(result.tensors ?? {})) this.#put(name, tensor)
  }
}
