import { join } from 'node:path'
import { DatasetError } from '../engine/errors.js'
import { readPresent } from './files.js'

/** One file per annotation: annotator 1 on the first frame, on the video, annotator 2 likewise. */
const FILES = [
  'Davis17_annot1.txt',
  'Davis17_annot1_full_video.txt',
  'Davis17_annot2.txt',
  'Davis17_annot2_full_video.txt',
]

/** Names that the text files misspell. */
const CORRECTED: { [name: string]: string } = {
  'clasic-car': 'classic-car',
  'dog-scale': 'dogs-scale',
  'motor-bike': 'motorbike',
}

/** Expressions of one sequence: by object number as text, one per annotation. */
export type SequenceTexts = Map<string, (string | undefined)[]>

function parseLine(path: string, line: string, number: number): [string, string, string] {
  const [, name, object, text] = /^(\S+)\s+(\d+)\s+"(.*)"\s*$/.exec(line) ?? []
  if (name === undefined || object === undefined || text === undefined) {
    throw new DatasetError(
      'corrupt',
      path,
      `line ${number}: expected a sequence, an object number and a text in quotes, got ${JSON.stringify(line.slice(0, 60))}`,
    )
  }
  return [CORRECTED[name] ?? name, object, text]
}

/**
 * davis_text_annotations: four files of lines `sequence object "expression"`; those of annotator 1
 * are UTF-8, those of annotator 2 Latin-1.
 */
export async function readDavisTexts(folder: string): Promise<Map<string, SequenceTexts>> {
  const sequences = new Map<string, SequenceTexts>()
  for (const [annotation, file] of FILES.entries()) {
    const path = join(folder, file)
    const text = (await readPresent(path)).toString(annotation < 2 ? 'utf8' : 'latin1')
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === '') continue
      const [name, object, expression] = parseLine(path, line, i + 1)
      const objects = sequences.get(name) ?? new Map<string, (string | undefined)[]>()
      sequences.set(name, objects)
      const texts = objects.get(object) ?? []
      objects.set(object, texts)
      texts[annotation] = expression
    }
  }
  return sequences
}
