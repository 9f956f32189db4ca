import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InvalidArgumentError } from '../engine/errors.js'
import { writeWhole } from '../formats/files.js'
import { encodeGrayPng, encodeLabelPng } from '../formats/png.js'
import type { Dataset, Expression, LabelMap, ResultPart, Sequence } from './dataset.js'
import type { Problems } from './problems.js'
import { reasonFolder } from './reason-vos.js'
import { ANNOTATIONS } from './ref-davis.js'

/** Folder of a sentence's masks, as the benchmark's server or scorer takes it. */
function sentenceFolder(dataset: Dataset, sequence: Sequence, expression: Expression): string {
  if (dataset.name === 'ref-youtube-vos') return `Annotations/${sequence.id}/${expression.id}`
  if (dataset.name !== 'reason-vos') return `${sequence.id}/${expression.id}`
  return `${reasonFolder(sequence.subset!, sequence.id, expression.objectId!)}/${expression.id}`
}

/** The folders of result files that belong to a sequence. */
export function resultParts(dataset: Dataset, sequence: Sequence): ResultPart[] {
  const { frames, id } = sequence
  if (dataset.protocol === 'per_expression') {
    return sequence.expressions.map(expression => ({
      folder: sentenceFolder(dataset, sequence, expression),
      frames,
      expression,
    }))
  }
  if (dataset.protocol !== 'four_annotations') return [{ folder: id, frames }]
  return Array.from({ length: ANNOTATIONS }, (_, a) => ({ folder: `anno_${a}/${id}`, frames }))
}

/** File of a frame, below the result folder. */
export const resultFile = (part: ResultPart, frame: string) => `${part.folder}/${frame}.png`

/** A frame's result: a mask (non-zero = object) for a sentence, else a label map. */
export async function writeResult(
  root: string,
  part: ResultPart,
  frame: string,
  { data, width, height }: LabelMap,
): Promise<void> {
  if (!part.frames.includes(frame)) {
    throw new InvalidArgumentError(`${part.folder} has no frame ${frame}`)
  }
  const png = part.expression
    ? await encodeGrayPng(
        data.map(value => (value ? 255 : 0)),
        width,
        height,
      )
    : await encodeLabelPng(data, width, height)
  const path = join(root, resultFile(part, frame))
  await mkdir(dirname(path), { recursive: true })
  await writeWhole(path, png)
}

/** Removes what an interrupted run left of a sequence's results. */
export async function clearResults(
  root: string,
  dataset: Dataset,
  sequence: Sequence,
): Promise<void> {
  for (const { folder } of resultParts(dataset, sequence)) {
    await rm(join(root, folder), { recursive: true, force: true })
  }
}

/**
 * One label map of several binary masks: the first one that holds a pixel names it, from 1.
 * Ref-DAVIS17's merging rule for binary masks.
 */
export function mergeMasks(
  masks: readonly (Uint8Array | null)[],
  width: number,
  height: number,
): LabelMap {
  const data = new Uint8Array(width * height)
  for (const [i, mask] of masks.entries()) {
    if (!mask) continue
    for (let at = 0; at < data.length; at++) if (mask[at] && data[at] === 0) data[at] = i + 1
  }
  return { data, width, height }
}

/** Every folder that results may lie in, and those on the way to them. */
function knownFolders(dataset: Dataset): { leaves: Map<string, ResultPart>; above: Set<string> } {
  const leaves = new Map<string, ResultPart>()
  const above = new Set<string>([''])
  for (const sequence of dataset.sequences) {
    for (const part of resultParts(dataset, sequence)) {
      leaves.set(part.folder, part)
      for (let at = dirname(part.folder); at !== '.'; at = dirname(at)) above.add(at)
    }
  }
  return { leaves, above }
}

/**
 * Reports folders and files of a result folder that no sequence of the data set asks for. Names
 * that begin with a dot are passed over.
 */
export async function checkExtraResults(
  root: string,
  dataset: Dataset,
  problems: Problems,
): Promise<void> {
  const { leaves, above } = knownFolders(dataset)
  const walk = async (folder: string): Promise<void> => {
    const frames = leaves.get(folder)?.frames
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const { name } = entry
      if (name.startsWith('.')) continue
      const below = folder === '' ? name : `${folder}/${name}`
      const isFrame = name.endsWith('.png') && frames?.includes(name.slice(0, -4))
      if (entry.isDirectory() && (above.has(below) || leaves.has(below))) await walk(below)
      else if (!isFrame) problems.report('extra', join(root, below), expectation(below, dataset))
    }
  }
  await walk('')
}

const expectation = (path: string, { title, split }: Dataset) =>
  `${path} belongs to no sequence, sentence or frame of ${title} ${split}`
