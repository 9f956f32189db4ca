import { join } from 'node:path'
import { DatasetError, InvalidArgumentError } from '../engine/errors.js'
import { decodeRle } from '../formats/rle.js'
import type { JsonValue } from '../json/value.js'
import type { Dataset, Expression, ObjectMasks, Sequence } from './dataset.js'
import { type ListedVideo, listedPictures, readExpressionFile } from './expressions.js'
import { listFolder, readJsonFile } from './files.js'
import type { Problems } from './problems.js'

type Counts = { size: [number, number]; counts: string | number[] } | null

/** mask_dict.json: per annotation a mask or null for every frame, in the order of their names. */
class MaskDict {
  readonly #path: string
  readonly #entries: JsonValue

  constructor(entries: JsonValue) {
    this.#path = entries.path
    this.#entries = entries
  }

  /** Size of a sequence's masks: that of the first mask that is there. */
  size(annotations: readonly string[]): [height: number, width: number] | null {
    for (const id of annotations) {
      for (const item of this.#entries.at(id).items()) {
        if (item.present) return this.#size(item)
      }
    }
    return null
  }

  #size(item: JsonValue): [number, number] {
    const [height, width] = item.at('size').items()
    return [height?.number() ?? 0, width?.number() ?? 0]
  }

  /** The mask of an annotation on a frame; null where it is not annotated. */
  mask(id: string, frame: number, frames: number, size: [number, number]): Uint8Array | null {
    const items = this.#entries.at(id).items()
    if (items.length !== frames) {
      const detail = `annotation ${id}: expected ${frames} frames, got ${items.length}`
      throw new DatasetError('corrupt', this.#path, detail)
    }
    const item = items[frame]!
    if (!item.present) return null
    const got = this.#size(item)
    if (got[0] !== size[0] || got[1] !== size[1]) {
      const sizes = `expected ${size[1]}x${size[0]}, got ${got[1]}x${got[0]}`
      throw new DatasetError('mis-sized', this.#path, `annotation ${id}, frame ${frame}: ${sizes}`)
    }
    return this.#decode(id, frame, { size: got, counts: item.at('counts').string() })
  }

  #decode(id: string, frame: number, counts: NonNullable<Counts>): Uint8Array {
    try {
      return decodeRle(counts)
    } catch (cause) {
      if (!(cause instanceof InvalidArgumentError)) throw cause
      const detail = `annotation ${id}, frame ${frame}: ${cause.message}`
      throw new DatasetError('corrupt', this.#path, detail, { cause })
    }
  }
}

/** Annotations that each sentence of a video names. */
function annotationsOf(video: ListedVideo): Map<string, string[]> {
  const ids = video.expressions.map(({ id, fields }): [string, string[]] => [
    id,
    fields
      .at('anno_id')
      .items()
      .map(item => item.name()),
  ])
  return new Map(ids)
}

function objectReader(video: ListedVideo, masks: MaskDict): NonNullable<Sequence['objects']> {
  const annotations = annotationsOf(video)
  const all = [...new Set([...annotations.values()].flat())]
  // The lists of mask_dict.json follow the sorted names, whatever order the frames are listed in.
  const place = new Map(video.frames.toSorted().map((name, i) => [name, i]))
  let known: [number, number] | null | undefined
  return async ({ id }: Expression, frame: string): Promise<ObjectMasks> => {
    known ??= masks.size(all)
    const size = known ?? [0, 0]
    const found = annotations
      .get(id)!
      .map(annotation => masks.mask(annotation, place.get(frame)!, video.frames.length, size))
    const [height, width] = size
    return { width, height, masks: found.filter(mask => mask !== null) }
  }
}

/**
 * MeViS: <split>/meta_expressions.json, <split>/JPEGImages/<video>/ and, in train and valid_u,
 * <split>/mask_dict.json.
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readMevis(root: string, split: string, problems: Problems): Promise<Dataset> {
  const folder = join(root, split)
  const dict = join(folder, 'mask_dict.json')
  const scored = (await listFolder(folder))?.includes('mask_dict.json') ?? false
  const masks = scored ? new MaskDict(await readJsonFile(dict)) : null
  const videos = await readExpressionFile(join(folder, 'meta_expressions.json'), problems)
  const sequences = videos.map((video): Sequence => {
    const { id, frames } = video
    const pictures = listedPictures(join(folder, 'JPEGImages'), video)
    const expressions = video.expressions.map(listed => ({
      id: listed.id,
      text: listed.text,
      frames,
    }))
    const truth = masks ? { objects: objectReader(video, masks) } : {}
    return { id, frames, pictures, expressions, ...truth }
  })
  return { name: 'mevis', title: 'MeViS', root, split, protocol: 'per_expression', sequences }
}
