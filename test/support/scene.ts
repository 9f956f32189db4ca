import type { RawFrame } from '../../lib/video/pixels.js'

/** An axis-aligned box of one colour that moves by (dx, dy) per frame. */
export interface SceneObject {
  color: [number, number, number]
  x: number
  y: number
  width: number
  height: number
  dx: number
  dy: number
  /** Frames in which it can be seen; default all. */
  seen?: (frame: number) => boolean
}

export interface Scene {
  width: number
  height: number
  frames: number
  objects: SceneObject[]
}

const visible = (object: SceneObject, frame: number) => object.seen?.(frame) ?? true

/** Left, top corner in a frame. */
export function corner(object: SceneObject, frame: number): { x: number; y: number } {
  return { x: object.x + object.dx * frame, y: object.y + object.dy * frame }
}

/** Centre in a frame, whole pixels. */
export function center(object: SceneObject, frame: number): { x: number; y: number } {
  const { x, y } = corner(object, frame)
  return { x: x + (object.width >> 1), y: y + (object.height >> 1) }
}

/** u8 0/1 [height, width] of where an object is drawn. */
export function truth(scene: Scene, object: SceneObject, frame: number): Uint8Array {
  const mask = new Uint8Array(scene.width * scene.height)
  if (!visible(object, frame)) return mask
  const { x, y } = corner(object, frame)
  for (let row = Math.max(0, y); row < Math.min(scene.height, y + object.height); row++) {
    for (let column = Math.max(0, x); column < Math.min(scene.width, x + object.width); column++) {
      mask[row * scene.width + column] = 1
    }
  }
  return mask
}

export function drawFrame(scene: Scene, frame: number): RawFrame {
  const data = new Uint8Array(scene.width * scene.height * 3)
  for (const object of scene.objects) {
    const mask = truth(scene, object, frame)
    for (const [at, set] of mask.entries()) if (set) data.set(object.color, at * 3)
  }
  return { data, width: scene.width, height: scene.height }
}

export const drawClip = (scene: Scene): RawFrame[] =>
  Array.from({ length: scene.frames }, (_, frame) => drawFrame(scene, frame))

/** Two boxes that move apart on a 64 x 48 frame. */
export function twoBoxes(frames: number): Scene {
  return {
    width: 64,
    height: 48,
    frames,
    objects: [
      { color: [200, 0, 0], x: 4, y: 4, width: 12, height: 10, dx: 1, dy: 0 },
      { color: [0, 0, 200], x: 40, y: 30, width: 10, height: 12, dx: -1, dy: 0 },
    ],
  }
}
