import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Dataset, Expression, ResultPart, Sequence } from '../datasets/dataset.js'
import { annotationOf } from '../datasets/ref-davis.js'
import { clearResults, mergeMasks, resultParts, writeResult } from '../datasets/results.js'
import { DatasetError, InvalidArgumentError } from '../engine/errors.js'
import { type CocoRle, decodeRle, encodeRle } from '../formats/rle.js'
import { groundClip } from '../ground/ground.js'
import type { GroundModels, Timings } from '../ground/models.js'
import { type GroundOptions, groundSettings } from '../ground/options.js'
import { addTimes } from '../ground/slot.js'
import type { Segmenter } from '../segment/segmenter.js'
import { openImageFiles } from '../video/images.js'

/** The models under test. */
export interface Subject {
  models: GroundModels
  previousFrames: number
}

export interface PredictOptions extends Omit<GroundOptions, 'onProgress'> {
  /** Called after each frame of each sentence. */
  onFrame?: () => void
}

/** Time that a sequence took. */
export interface PredictTime {
  /** Frames times sentences. */
  frames: number
  seconds: number
  /** Milliseconds per stage. */
  stages: Timings
}

const noTime = (): PredictTime => ({ frames: 0, seconds: 0, stages: {} })

async function checkPictures({ pictures }: Sequence): Promise<void> {
  for (const path of pictures) {
    await access(path).catch(cause => {
      throw new DatasetError('missing', path, 'no such picture', { cause })
    })
  }
}

/** Grounds one sentence and hands over the mask of every frame. */
async function groundSentence(
  subject: Subject,
  sequence: Sequence,
  expression: Expression,
  options: PredictOptions,
  time: PredictTime,
  write: (frame: string, mask: { data: Uint8Array; width: number; height: number }) => unknown,
): Promise<void> {
  const { onFrame, ...rest } = options
  const { models, previousFrames } = subject
  const settings = groundSettings(rest, previousFrames)
  const source = openImageFiles(sequence.pictures, sequence.id)
  const since = performance.now()
  for await (const result of groundClip(models, source, expression.text, settings)) {
    await write(sequence.frames[result.frameIndex]!, result.mask)
    addTimes(time.stages, result.timings)
    time.frames++
    onFrame?.()
  }
  time.seconds += (performance.now() - since) / 1000
}

async function predictSentences(
  subject: Subject,
  sequence: Sequence,
  parts: readonly ResultPart[],
  root: string,
  options: PredictOptions,
): Promise<PredictTime> {
  const time = noTime()
  for (const part of parts) {
    await groundSentence(subject, sequence, part.expression!, options, time, (frame, mask) =>
      writeResult(root, part, frame, mask),
    )
  }
  return time
}

/** Ref-DAVIS17: the sentences of an annotation become one label map per frame. */
async function predictAnnotations(
  subject: Subject,
  sequence: Sequence,
  parts: readonly ResultPart[],
  root: string,
  options: PredictOptions,
): Promise<PredictTime> {
  const time = noTime()
  for (const [a, part] of parts.entries()) {
    const packed = new Map<string, (CocoRle | undefined)[]>()
    for (const expression of sequence.expressions) {
      const { object, annotation } = annotationOf(expression)
      if (annotation !== a) continue
      await groundSentence(subject, sequence, expression, options, time, (frame, mask) => {
        const objects = packed.get(frame) ?? []
        packed.set(frame, objects)
        objects[object] = encodeRle(mask.data, mask.width, mask.height)
      })
    }
    for (const [frame, objects] of packed) {
      const [height, width] = objects.find(rle => rle !== undefined)!.size
      const masks = Array.from(objects, rle => (rle ? decodeRle(rle) : null))
      await writeResult(root, part, frame, mergeMasks(masks, width, height))
    }
  }
  return time
}

/**
 * Runs the models on every sentence of a sequence and writes the results in the benchmark's layout.
 * What an interrupted run left of the sequence is removed first.
 *
 * @throws INVALID_ARGUMENT for a data set without sentences, DATASET_INVALID for a picture that is
 * not there.
 */
export async function predictSequence(
  subject: Subject,
  dataset: Dataset,
  sequence: Sequence,
  root: string,
  options: PredictOptions,
): Promise<PredictTime> {
  const { protocol, title } = dataset
  if (protocol === 'semi_supervised' || protocol === 'unsupervised') {
    throw new InvalidArgumentError(`${title} has no sentences, so there is nothing to point at`)
  }
  await checkPictures(sequence)
  await clearResults(root, dataset, sequence)
  const parts = resultParts(dataset, sequence)
  const predict = protocol === 'per_expression' ? predictSentences : predictAnnotations
  return predict(subject, sequence, parts, root, options)
}

/**
 * DAVIS 2017, semi-supervised: SAM 2 is given the objects' masks of the first frame and follows
 * them. Where masks overlap the lower number wins.
 */
export async function followSequence(
  segmenter: Segmenter,
  dataset: Dataset,
  sequence: Sequence,
  root: string,
  { signal, onFrame }: Pick<PredictOptions, 'signal' | 'onFrame'>,
): Promise<PredictTime> {
  await checkPictures(sequence)
  await clearResults(root, dataset, sequence)
  const [part] = resultParts(dataset, sequence)
  const { data, width, height } = await sequence.labels!(sequence.frames[0]!)
  const labels = [...new Set(data)].filter(label => label > 0 && label < 255).sort((a, b) => a - b)
  const call = signal ? { signal } : {}
  const time = noTime()
  const since = performance.now()
  using video = await segmenter.openVideo(dirname(sequence.pictures[0]!))
  for (const label of labels) {
    const mask = { data: data.map(value => +(value === label)), width, height }
    await video.addMask(0, label, mask, call)
  }
  for await (const { frameIndex, objects } of video.propagate({ startFrame: 0, ...call })) {
    const masks: (Uint8Array | null)[] = []
    for (const { objectId, mask } of objects) masks[Number(objectId) - 1] = mask.data
    const merged = mergeMasks(
      Array.from(masks, mask => mask ?? null),
      width,
      height,
    )
    await writeResult(root, part!, sequence.frames[frameIndex]!, merged)
    time.frames++
    onFrame?.()
  }
  time.seconds = (performance.now() - since) / 1000
  return time
}
