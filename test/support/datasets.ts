import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { encodeGrayPng, encodeLabelPng } from '../../lib/formats/png.js'
import { encodeRle } from '../../lib/formats/rle.js'
import { drawFrame, type Scene, truth, twoBoxes } from './scene.js'

/** Tiny data sets in the layouts of the real ones: one scene of two boxes, several frames. */
export const scene: Scene = twoBoxes(5)

export const frames = ['00000', '00005', '00010', '00015', '00020']

async function put(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, data)
}

const putJson = (path: string, value: unknown) => put(path, JSON.stringify(value))

export async function putPictures(folder: string, ending = 'jpg', of = scene): Promise<void> {
  const { width, height } = of
  for (const [i, name] of frames.entries()) {
    const { data } = drawFrame(of, i)
    const picture = sharp(data, { raw: { width, height, channels: 3 } })
    const file = ending === 'jpg' ? picture.jpeg({ quality: 95 }) : picture.png()
    await put(join(folder, `${name}.${ending}`), await file.toBuffer())
  }
}

/** Both boxes of a frame as labels 1 and 2. */
export function labelsOf(frame: number, of = scene): Uint8Array {
  const labels = new Uint8Array(of.width * of.height)
  for (const [o, object] of of.objects.entries()) {
    for (const [at, set] of truth(of, object, frame).entries()) if (set) labels[at] = o + 1
  }
  return labels
}

export const maskOf = (object: number, frame: number, of = scene) =>
  truth(of, of.objects[object]!, frame)

async function putLabels(folder: string, of = scene): Promise<void> {
  for (const [i, name] of frames.entries()) {
    await put(
      join(folder, `${name}.png`),
      await encodeLabelPng(labelsOf(i, of), of.width, of.height),
    )
  }
}

async function putMasks(folder: string, object: number): Promise<void> {
  for (const [i, name] of frames.entries()) {
    const gray = maskOf(object, i).map(value => value * 255)
    await put(join(folder, `${name}.png`), await encodeGrayPng(gray, scene.width, scene.height))
  }
}

export async function putDavis(root: string, sequences = ['boxes']): Promise<void> {
  await put(join(root, 'DAVIS/ImageSets/2017/val.txt'), `${sequences.join('\n')}\n`)
  for (const name of sequences) {
    await putPictures(join(root, 'DAVIS/JPEGImages/480p', name))
    await putLabels(join(root, 'DAVIS/Annotations/480p', name))
    await putLabels(join(root, 'DAVIS/Annotations_unsupervised/480p', name))
  }
}

const TEXT_FILES = ['annot1', 'annot1_full_video', 'annot2', 'annot2_full_video']

/** The published form: a DAVIS tree and four text files. */
export async function putRefDavisTexts(root: string): Promise<void> {
  // One of the names that the text files misspell.
  await putDavis(root, ['motorbike'])
  for (const [a, name] of TEXT_FILES.entries()) {
    const lines = `motor-bike 1 "the réd box, ${a}"\nmotor-bike 2 "the blue box, ${a}"\n`
    const data = Buffer.from(lines, a < 2 ? 'utf8' : 'latin1')
    await put(join(root, 'davis_text_annotations', `Davis17_${name}.txt`), data)
  }
}

const twoSentences = { '0': { exp: 'the red box' }, '1': { exp: 'the blue box' } }

/** The converted form, with label maps beside the pictures. */
export async function putRefDavis(root: string): Promise<void> {
  const expressions = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [
      String(i),
      { exp: `${i < 4 ? 'the red box' : 'the blue box'}, ${i % 4}`, obj_id: i < 4 ? '1' : '2' },
    ]),
  )
  await putJson(join(root, 'meta_expressions/valid/meta_expressions.json'), {
    videos: { boxes: { expressions, frames } },
  })
  await putPictures(join(root, 'valid/JPEGImages/boxes'))
  await putLabels(join(root, 'valid/Annotations/boxes'))
}

export async function putRefYoutubeVos(root: string): Promise<void> {
  const video = { expressions: twoSentences, frames }
  const videos = { a1: video, b2: video }
  await putJson(join(root, 'meta_expressions/valid/meta_expressions.json'), { videos })
  await putJson(join(root, 'meta_expressions/test/meta_expressions.json'), {
    videos: { b2: video },
  })
  await putPictures(join(root, 'valid/JPEGImages/a1'))
  for (const object of [0, 1]) {
    await putMasks(join(root, 'valid/Annotations/a1', String(object)), object)
  }
  const objects = { '0': { exp: 'the red box', obj_id: '1' } }
  await putJson(join(root, 'meta_expressions/train/meta_expressions.json'), {
    videos: { c3: { expressions: objects, frames } },
  })
  await putPictures(join(root, 'train/JPEGImages/c3'))
  await putLabels(join(root, 'train/Annotations/c3'))
}

export async function putMevis(root: string): Promise<void> {
  const expressions = {
    '0': { exp: 'the red box', obj_id: [0], anno_id: [7] },
    '1': { exp: 'all boxes', obj_id: [0, 1], anno_id: [7, 8] },
  }
  await putJson(join(root, 'valid_u/meta_expressions.json'), {
    videos: { v1: { expressions, vid_id: 0, frames } },
  })
  const rle = (object: number) =>
    frames.map((_, i) => encodeRle(maskOf(object, i), scene.width, scene.height))
  await putJson(join(root, 'valid_u/mask_dict.json'), { '7': rle(0), '8': rle(1) })
  await putPictures(join(root, 'valid_u/JPEGImages/v1'))
}

export async function putReasonVos(root: string): Promise<void> {
  const expressions = [
    { obj_id: '0', exp_id: 0, exp_text: 'red', is_sent: false },
    { obj_id: '1', exp_id: 1, exp_text: 'Which box is blue?', is_sent: true },
  ]
  await putJson(join(root, 'meta_expressions.json'), {
    videos: { two_boxes: { source: 'mose', frames, expressions } },
  })
  await putPictures(join(root, 'JPEGImages/two_boxes'))
  for (const object of [0, 1]) {
    await putMasks(join(root, `Annotations/mose_two_boxes_${object}`), object)
  }
}

export async function putVpos(root: string): Promise<void> {
  await putPictures(join(root, 'Robotics/JPEGImages/arm'))
  await putMasks(join(root, 'Robotics/Annotations/arm'), 0)
  await putJson(join(root, 'Robotics/captions.json'), { arm: 'the red box' })
  await putPictures(join(root, 'Cells/JPEGImages/dish'))
  await putLabels(join(root, 'Cells/Annotations/dish'))
  const expressions = { '0': { exp: 'the blue box', obj_id: 2 } }
  await putJson(join(root, 'Cells/meta_expressions.json'), {
    videos: { dish: { expressions, frames } },
  })
}

export const drawnQueries = [
  { text: 'the red box', kind: 'color', objects: [0], motion: false },
  { text: 'all boxes', kind: 'plural', objects: [0, 1], motion: false },
  { text: 'the box moving left', kind: 'motion', objects: [1], motion: true },
  { text: 'the green box', kind: 'absent', objects: [], motion: false },
]

/** The layout of training/make_clips.py. */
export async function putDrawn(folder: string, queries = drawnQueries): Promise<void> {
  await putPictures(join(folder, 'frames'), 'png')
  await putLabels(join(folder, 'truth'))
  const { width, height } = scene
  const clip = { width, height, frames: frames.length, queries }
  await putJson(join(folder, 'clip.json'), clip)
}
