import { mkdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { readJsonFile, readPresent } from '../datasets/files.js'
import { DatasetError } from '../engine/errors.js'
import { writeWhole } from '../formats/files.js'
import { checkOptions } from '../options/check.js'
import { toCoco } from './coco.js'
import { toCvat } from './cvat.js'
import { LABEL_STUDIO_OPTIONS, type LabelStudioOptions, toLabelStudio } from './label-studio.js'
import { type LabelledClip, type LabelReadOptions, problemsOf } from './labels.js'
import { readCoco } from './read-coco.js'
import { readCvat } from './read-cvat.js'
import { readLabelStudio } from './read-label-studio.js'
import { writeYoutubeVos } from './youtube-vos.js'

/** Formats of people who label. */
export const LABEL_FORMATS = ['coco', 'youtube-vos', 'cvat', 'label-studio'] as const
export type LabelFormat = (typeof LABEL_FORMATS)[number]

/**
 * Reads a file of labels: COCO JSON, Label Studio JSON or CVAT XML, recognised by its content.
 *
 * @throws DATASET_INVALID naming the file; lenient, for one that cannot be read at all.
 */
export async function readLabelFile(
  path: string,
  options: LabelReadOptions = {},
): Promise<LabelledClip[]> {
  const problems = problemsOf(options, 'readLabelFile')
  const ending = extname(path).toLowerCase()
  if (ending === '.xml') {
    return readCvat((await readPresent(path)).toString('utf8'), path, { problems })
  }
  if (ending !== '.json') {
    throw new DatasetError(
      'corrupt',
      path,
      'expected labels as .json (COCO, Label Studio) or .xml (CVAT)',
    )
  }
  const { value } = await readJsonFile(path)
  const read = Array.isArray(value) ? readLabelStudio : readCoco
  return read(value, path, { problems })
}

/** File or folder of a format. */
const PLACES: Record<LabelFormat, string> = {
  coco: 'coco.json',
  'youtube-vos': 'youtube-vos',
  cvat: 'cvat',
  'label-studio': 'label-studio.json',
}

/** A clip's name as a file name. */
const plainName = (name: string) => name.replaceAll(/[/\\]/g, '_')

/**
 * Writes labels into a folder: coco.json, label-studio.json, youtube-vos/ or cvat/<clip>.xml.
 *
 * @returns the path of what was written.
 */
export async function writeLabels(
  folder: string,
  clips: readonly LabelledClip[],
  format: LabelFormat,
  options: LabelStudioOptions = {},
): Promise<string> {
  checkOptions(LABEL_STUDIO_OPTIONS, options, 'writeLabels')
  await mkdir(folder, { recursive: true })
  const path = join(folder, PLACES[format])
  if (format === 'coco') await writeWhole(path, `${JSON.stringify(toCoco(clips))}\n`)
  else if (format === 'label-studio') {
    await writeWhole(path, `${JSON.stringify(toLabelStudio(clips, options), null, 1)}\n`)
  } else if (format === 'youtube-vos') await writeYoutubeVos(path, clips)
  else {
    await mkdir(path, { recursive: true })
    for (const clip of clips) {
      await writeWhole(join(path, `${plainName(clip.name)}.xml`), toCvat(clip))
    }
  }
  return path
}
