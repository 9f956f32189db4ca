import { join } from 'node:path'
import { DatasetError } from '../engine/errors.js'
import { checkOptions } from '../options/check.js'
import { IMAGE_ENDINGS } from '../video/picture.js'
import type { Dataset, Expression, ObjectMasks, Sequence } from './dataset.js'
import { type ListedVideo, readExpressionFile } from './expressions.js'
import {
  listFolder,
  plainKey,
  readJsonFile,
  readLabelFile,
  readMaskFile,
  stemsOf,
} from './files.js'
import type { Problems } from './problems.js'
import { objectOf } from './ref-davis.js'

/**
 * Names of the folders and files of a VPoS-Bench copy. The archive's own layout is not documented,
 * so a `vpos.json` in the root can say otherwise.
 */
interface VposNames {
  /** Folder with a folder of frames per clip. */
  frames: string
  /** Folder with a folder of masks per clip, of the names of the frames. */
  masks: string
  /** {clip: sentence, or a list of sentences}. */
  captions: string
  /** {"videos": {clip: {"expressions": ..., "frames": ...}}}; used where it is there. */
  expressions: string
}

const NAMES: VposNames = {
  frames: 'JPEGImages',
  masks: 'Annotations',
  captions: 'captions.json',
  expressions: 'meta_expressions.json',
}

async function readNames(root: string): Promise<VposNames> {
  if (!(await listFolder(root))?.includes('vpos.json')) return NAMES
  const path = join(root, 'vpos.json')
  const fields = await readJsonFile(path)
  checkOptions<Partial<VposNames>>(NAMES, fields.value as Partial<VposNames>, path)
  const given = Object.keys(NAMES).filter(key => fields.at(key).present)
  return { ...NAMES, ...Object.fromEntries(given.map(key => [key, fields.at(key).fileName()])) }
}

interface Caption {
  id: string
  text: string
  objectId?: string
}

function captionsOf(video: ListedVideo): Caption[] {
  return video.expressions.map(({ id, text, fields }) => {
    const object = fields.at('obj_id')
    return { id, text, ...(object.present ? { objectId: object.name() } : {}) }
  })
}

/** Sentences of every clip, in the JSON form or from the file of captions. */
async function readCaptions(
  folder: string,
  names: VposNames,
  problems: Problems,
): Promise<Map<string, Caption[]>> {
  if ((await listFolder(folder))?.includes(names.expressions)) {
    const videos = await readExpressionFile(join(folder, names.expressions), problems)
    return new Map(videos.map(video => [video.id, captionsOf(video)]))
  }
  const path = join(folder, names.captions)
  const clips = (await readJsonFile(path)).members()
  return new Map(
    clips.map(([clip, value]) => {
      const list = value.isList ? value.items() : [value]
      const captions = list.map((item, i) => ({ id: String(i), text: item.string() }))
      return [plainKey(path, clip), captions]
    }),
  )
}

/** A mask per sentence in folders of their own, or one file per frame for all of them. */
function objectReader(
  folder: string,
  folders: readonly string[],
): NonNullable<Sequence['objects']> {
  return async ({ id, objectId }: Expression, frame: string): Promise<ObjectMasks> => {
    const own = folders.includes(id)
    const path = own ? join(folder, id, `${frame}.png`) : join(folder, `${frame}.png`)
    if (!own && objectId !== undefined) return objectOf(await readLabelFile(path), objectId)
    const { data, width, height } = await readMaskFile(path)
    return { width, height, masks: [data] }
  }
}

async function toSequence(
  folder: string,
  names: VposNames,
  subset: string | undefined,
  clip: string,
  captions: readonly Caption[],
): Promise<Sequence> {
  const pictures = join(folder, names.frames, clip)
  const masks = join(folder, names.masks, clip)
  const files = ((await listFolder(pictures)) ?? []).filter(
    name => stemsOf([name], IMAGE_ENDINGS).length > 0,
  )
  if (files.length === 0) throw new DatasetError('missing', pictures, 'the folder holds no picture')
  const found = await listFolder(masks)
  const frames = stemsOf(files, IMAGE_ENDINGS)
  return {
    id: subset === undefined ? clip : `${subset}/${clip}`,
    ...(subset === undefined ? {} : { subset }),
    frames,
    pictures: files.map(name => join(pictures, name)),
    expressions: captions.map(caption => ({ ...caption, frames })),
    ...(found ? { objects: objectReader(masks, found) } : {}),
  }
}

async function readSubset(
  folder: string,
  names: VposNames,
  subset: string | undefined,
  problems: Problems,
): Promise<Sequence[]> {
  const sequences: Sequence[] = []
  for (const [clip, captions] of await readCaptions(folder, names, problems)) {
    try {
      sequences.push(await toSequence(folder, names, subset, clip, captions))
    } catch (error) {
      problems.take(error)
    }
  }
  return sequences
}

/**
 * VPoS-Bench: per subset (or in the root itself) JPEGImages/<clip>/, Annotations/<clip>/ and the
 * sentences as captions.json or meta_expressions.json; vpos.json can rename them. Each subset is
 * reported on its own.
 *
 * @throws DATASET_INVALID naming the file.
 */
export async function readVpos(root: string, split: string, problems: Problems): Promise<Dataset> {
  const names = await readNames(root)
  const holds = async (folder: string) => {
    const found = (await listFolder(folder)) ?? []
    return found.includes(names.captions) || found.includes(names.expressions)
  }
  const sequences: Sequence[] = []
  if (await holds(root)) sequences.push(...(await readSubset(root, names, undefined, problems)))
  for (const subset of (await listFolder(root)) ?? []) {
    if (!(await holds(join(root, subset)))) continue
    sequences.push(...(await readSubset(join(root, subset), names, subset, problems)))
  }
  if (sequences.length === 0) {
    const detail = `neither it nor a folder in it holds ${names.captions} or ${names.expressions}`
    throw new DatasetError('missing', root, detail)
  }
  const named = { name: 'vpos-bench', title: 'VPoS-Bench' } as const
  return { ...named, root, split, protocol: 'per_expression', sequences }
}
