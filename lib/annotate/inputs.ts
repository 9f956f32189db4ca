import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Problems } from '../datasets/problems.js'
import { DatasetError, InvalidArgumentError } from '../engine/errors.js'
import { readLabelFile } from '../labels/files.js'
import { readLabelFolder } from '../labels/folder.js'
import type { LabelledClip } from '../labels/labels.js'
import { isYoutubeVos, readYoutubeVos } from '../labels/youtube-vos.js'
import type { ClipOptions, FrameSource } from '../video/frame.js'
import { listImages, openImageFiles } from '../video/images.js'
import { openClip } from '../video/source.js'

/** A labelled clip and where its frames are. */
export interface LabelledSource {
  labels: LabelledClip
  /** Paths of its pictures, null for a video file. */
  pictures: string[] | null
  open(): Promise<FrameSource>
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file or folder' : cause.message
    throw new DatasetError('missing', path, reason, { cause })
  })
  return found.isDirectory()
}

/**
 * Brings labels and frames together.
 *
 * @param masks a file of labels (COCO, Label Studio, CVAT), a folder of YouTube-VOS, a folder of mask
 * PNGs, or a folder of such folders, one per clip.
 * @param frames a video file, a picture or a folder of pictures; for several clips the folder in
 * which their names are found.
 * @param problems where faults of labels go.
 * @param clip how the frames are read.
 * @throws DATASET_INVALID naming the file, INVALID_ARGUMENT for labels and frames that do not fit.
 */
export async function openLabelled(
  masks: string,
  frames: string,
  problems = new Problems(),
  clip: ClipOptions = {},
): Promise<LabelledSource[]> {
  const inputs = { problems, clip }
  if (!(await isFolder(masks))) return openFile(masks, frames, inputs)
  if (await isYoutubeVos(masks)) return openYoutubeVos(masks, frames, inputs)
  const entries = await readdir(masks, { withFileTypes: true })
  const folders = entries.filter(entry => entry.isDirectory()).map(({ name }) => name)
  if (entries.some(({ name }) => /\.png$/i.test(name)) || folders.length === 0) {
    return [await openFolder(masks, frames, inputs)]
  }
  const sources: LabelledSource[] = []
  for (const name of folders.sort()) {
    sources.push(await openFolder(join(masks, name), join(frames, name), inputs))
  }
  return sources
}

interface Inputs {
  problems: Problems
  clip: ClipOptions
}

async function openFolder(
  masks: string,
  frames: string,
  { problems, clip }: Inputs,
): Promise<LabelledSource> {
  const pictures = (await isFolder(frames)) ? await listImages(frames, clip) : null
  const labels = await readLabelFolder(masks, pictures, { problems })
  return { labels, pictures, open: () => openClip(frames, clip) }
}

async function openFile(
  path: string,
  frames: string,
  { problems, clip }: Inputs,
): Promise<LabelledSource[]> {
  const clips = await readLabelFile(path, { problems })
  const folder = await isFolder(frames)
  if (!folder && clips.length !== 1) {
    throw new InvalidArgumentError(
      `${frames}: ${path} has ${clips.length} clips, so expected the folder of their pictures, got a file`,
    )
  }
  const sources: LabelledSource[] = []
  for (const labels of clips) {
    const { name, fileNames } = labels
    if (folder && fileNames) {
      const pictures = fileNames.map(file => join(frames, file))
      sources.push({ labels, pictures, open: async () => openImageFiles(pictures, name, clip) })
    } else {
      const source = clips.length === 1 ? frames : join(frames, name)
      const pictures = (await isFolder(source)) ? await listImages(source, clip) : null
      sources.push({ labels, pictures, open: () => openClip(source, clip) })
    }
  }
  return sources
}

/** YouTube-VOS: meta.json names the clips and their objects. */
async function openYoutubeVos(
  folder: string,
  frames: string,
  { problems, clip }: Inputs,
): Promise<LabelledSource[]> {
  const isVideo = !(await isFolder(frames))
  const paths = new Map<string, string[]>()
  const picturesOf = async (name: string) => {
    if (isVideo) return null
    const pictures = await listImages(join(frames, name), clip)
    paths.set(name, pictures)
    return pictures
  }
  const clips = await readYoutubeVos(folder, picturesOf, { problems })
  return clips.map(labels => {
    const pictures = paths.get(labels.name) ?? null
    const source = isVideo ? frames : join(frames, labels.name)
    return { labels, pictures, open: () => openClip(source, clip) }
  })
}
