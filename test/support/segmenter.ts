import type {
  Addon,
  AddonImage,
  AddonImageFeatures,
  AddonSegmenter,
  AddonVideo,
} from '../../lib/engine/addon.js'
import { addon } from '../../lib/engine/loader.js'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { EMBEDDED } from '../../lib/load/settings.js'

export const FRAME = { width: 96, height: 64 }

/** The embedded segmenter through the addon. */
export async function loadEmbedded(native: Addon = addon()): Promise<AddonSegmenter> {
  const checkpoint = await readCheckpoint(EMBEDDED.segmenter)
  const { family, attributes, folder } = checkpoint
  return native.loadSegmenter({
    family,
    attributes,
    weights: { path: folder },
    dtype: 'stored',
    threads: 2,
  })
}

/** A bright square of 20 pixels on a dark ground, its left edge at `x`. */
export function squareFrame(x: number, { width, height } = FRAME): AddonImage {
  const data = new Uint8Array(3 * width * height)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const inside = column >= x && column < x + 20 && row >= 20 && row < 40
      data.set(
        inside ? [230, 40, 40] : [30, 60 + (row % 8), 60 + (column % 8)],
        3 * (row * width + column),
      )
    }
  }
  return { data, width, height }
}

/** Features of `count` frames in which the square moves right by 4 pixels a frame. */
export async function encodeClip(
  model: AddonSegmenter,
  count: number,
): Promise<AddonImageFeatures[]> {
  const features: AddonImageFeatures[] = []
  for (let i = 0; i < count; i++)
    features.push((await model.encode(squareFrame(10 + 4 * i))).features)
  return features
}

export const area = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0)

export function iou(a: Uint8Array, b: Uint8Array): number {
  let both = 0
  let either = 0
  for (let i = 0; i < a.length; i++) {
    both += a[i]! & b[i]!
    either += a[i]! | b[i]!
  }
  return either === 0 ? 1 : both / either
}

/** A click in the middle of the square of frame `i`. */
export const click = (i = 0) => ({
  points: Float32Array.of(20 + 4 * i, 30),
  labels: Int32Array.of(1),
})

/** Commits what is pending and runs one pass; masks of the first object per frame. */
export async function propagate(
  video: AddonVideo,
  features: readonly AddonImageFeatures[],
  options: { startFrame?: number; maxFrames?: number; reverse?: boolean } = {},
): Promise<Map<number, Uint8Array>> {
  for (const frame of video.promptedFrames()) await video.commit(frame, features[frame]!)
  const masks = new Map<number, Uint8Array>()
  for (const frame of video.planPropagation(options)) {
    const reverse = options.reverse ?? false
    const found = await video.track(frame, features[frame]!, { reverse })
    masks.set(frame, found.masks[0]!)
  }
  return masks
}
