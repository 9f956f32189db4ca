import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CheckpointError, DecodeError } from '../engine/errors.js'
import { decodeLabelPng } from '../formats/png.js'
import type { Frame, FrameSource } from '../video/frame.js'
import { openImageFolder } from '../video/images.js'
import type { ScoredMask } from './masks.js'

/** A sentence about a drawn clip and the objects that it names; none for an absent thing. */
export interface ClipQuery {
  text: string
  kind: string
  objects: number[]
  /** The answer needs previous frames, so on frame 0 nothing is named. */
  motion: boolean
}

/** A clip that training/make_clips.py wrote, read whole: drawn clips are small. */
export interface DrawnClip {
  name: string
  width: number
  height: number
  frames: Frame[]
  queries: ClipQuery[]
  /** Object number + 1 of every visible pixel, 0 for the background; one per frame. */
  truth: Uint8Array[]
}

interface ClipDescription {
  width: number
  height: number
  frames: number
  queries: ClipQuery[]
}

/**
 * Reads clip.json, frames/ and truth/ of a folder; the layout is described in training/README.md.
 */
export async function readDrawnClip(folder: string): Promise<DrawnClip> {
  const text = await readFile(join(folder, 'clip.json'), 'utf8').catch(cause => {
    throw new DecodeError(`${folder}: clip.json cannot be read`, { cause })
  })
  const description = JSON.parse(text) as ClipDescription
  const { width, height, queries } = description
  const frames: Frame[] = []
  for await (const frame of await openImageFolder(join(folder, 'frames'))) frames.push(frame)
  const truth: Uint8Array[] = []
  for (const { index } of frames) {
    const path = join(folder, 'truth', `${String(index).padStart(5, '0')}.png`)
    const label = decodeLabelPng(await readFile(path), path)
    if (label.width !== width || label.height !== height) {
      throw new DecodeError(
        `${path}: expected ${width}x${height}, got ${label.width}x${label.height}`,
      )
    }
    truth.push(label.data)
  }
  if (frames.length !== description.frames) {
    throw new CheckpointError(
      `${folder}: clip.json says ${description.frames} frames, frames/ holds ${frames.length}`,
    )
  }
  return { name: basename(folder), width, height, frames, queries, truth }
}

/** Folders below `folder` that hold a clip.json, by name; `folder` itself if it is one. */
export async function findClips(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  if (entries.some(entry => entry.name === 'clip.json')) return [folder]
  return entries
    .filter(entry => entry.isDirectory())
    .map(entry => join(folder, entry.name))
    .sort()
}

/** The clip's frames as a source; the same Frame objects each time. */
export function clipSource(clip: DrawnClip): FrameSource {
  return {
    frameCount: clip.frames.length,
    frameRate: null,
    name: clip.name,
    reopen: () => Promise.resolve(clipSource(clip)),
    async *[Symbol.asyncIterator]() {
      yield* clip.frames
    },
  }
}

/** Mask of an object, or of several together, in a frame. */
export function truthMask(clip: DrawnClip, frame: number, objects: readonly number[]): ScoredMask {
  const wanted = new Set(objects.map(object => object + 1))
  const data = clip.truth[frame]!.map(label => +wanted.has(label))
  return { data, width: clip.width, height: clip.height }
}
