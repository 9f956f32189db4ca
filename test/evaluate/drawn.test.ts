import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { findClips, readDrawnClip } from '../../lib/datasets/drawn.js'
import {
  groundSentence,
  loadClip,
  measureMasks,
  measurePoints,
  openSentence,
  STRATEGY_CHOICES,
} from '../../lib/evaluate/sentence.js'
import { ClipTrial, defaultSetting } from '../../lib/evaluate/trial.js'
import { encodeLabelPng } from '../../lib/formats/png.js'
import { maskTable, pointTable } from '../../lib/reports/clip-tables.js'
import { FakeModels } from '../support/fake-models.js'
import { center, drawFrame, truth, twoBoxes } from '../support/scene.js'

const scene = twoBoxes(12)

const queries = [
  { text: 'the red box', kind: 'color', objects: [0], motion: false },
  { text: 'all boxes', kind: 'plural', objects: [0, 1], motion: false },
  { text: 'the box moving left', kind: 'motion', objects: [1], motion: true },
  { text: 'the green box', kind: 'absent', objects: [], motion: false },
]

/** Writes the scene in the layout of training/make_clips.py. */
async function writeClip(folder: string): Promise<void> {
  await mkdir(join(folder, 'frames'), { recursive: true })
  await mkdir(join(folder, 'truth'))
  const { width, height, frames } = scene
  for (let frame = 0; frame < frames; frame++) {
    const name = `${String(frame).padStart(5, '0')}.png`
    const { data } = drawFrame(scene, frame)
    const picture = await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer()
    await writeFile(join(folder, 'frames', name), picture)
    const labels = new Uint8Array(width * height)
    for (const [o, object] of scene.objects.entries()) {
      for (const [at, set] of truth(scene, object, frame).entries()) if (set) labels[at] = o + 1
    }
    await writeFile(join(folder, 'truth', name), await encodeLabelPng(labels, width, height))
  }
  await writeFile(join(folder, 'clip.json'), JSON.stringify({ width, height, frames, queries }))
}

/** A pointer that knows the sentences, and a SAM 2 that knows the colours. */
function perfect() {
  const fake = new FakeModels({
    answer: (frame, text) => {
      const query = queries.find(each => each.text === text)!
      if (query.motion && frame === 0) return []
      return query.objects.map(object => center(scene.objects[object]!, frame))
    },
  })
  const { segmenter } = fake
  return {
    fake,
    models: { models: fake, previousFrames: 4, follow: () => segmenter },
  }
}

t.test('a perfect model has perfect scores', async t => {
  const folder = t.testdir()
  await writeClip(join(folder, 'one'))
  const [path] = await findClips(folder)
  t.same(await findClips(path!), [path])
  const { fake, models } = perfect()
  const trial = await ClipTrial.open(await readDrawnClip(path!), models)
  const { frames, sequence } = trial.clip
  for (const expression of sequence.expressions) {
    const sentence = await trial.sentence(expression)
    const said = await sentence.points({ keyframeEvery: 5 })
    t.ok(said.precision > 0.999 && said.recall > 0.999 && said.f1 > 0.999, expression.text)
    t.ok(said.countExact, expression.text)
    const settings = STRATEGY_CHOICES.map(choice => ({ ...defaultSetting(4), ...choice }))
    for (const [i, { j, f }] of (await sentence.masks(settings)).entries()) {
      t.same([j, f], [1, 1], `${expression.text}, ${settings[i]!.strategy}`)
    }
  }
  t.equal(fake.encodedImages, frames.length, 'frames are encoded once for all sentences')
  t.equal(fake.liveFeatures, frames.length)
  trial[Symbol.dispose]()
  t.same([fake.liveFeatures, fake.streamsOpen], [0, 0])
})

t.test('a wrong model has the scores it deserves', async t => {
  const folder = t.testdir()
  await writeClip(folder)
  const clip = await loadClip(await readDrawnClip(folder))
  // Points at the red box whatever is asked.
  const fake = new FakeModels({ answer: frame => [center(scene.objects[0]!, frame)] })
  const subject = { models: fake, previousFrames: 4 }
  const sentences = await Promise.all(
    clip.sequence.expressions.map(expression => openSentence(clip, expression)),
  )
  const [red, both, moving, absent] = await Promise.all(
    sentences.map(sentence => measurePoints(subject, sentence, { keyframeEvery: 5 })),
  )
  t.match([red!.precision, red!.recall, red!.countExact], [1, 1, true])
  t.match([both!.precision, both!.recall, both!.countExact], [1, 0.5, false])
  t.match([moving!.precision, moving!.recall, moving!.countExact], [0, 0, true])
  t.match([absent!.precision, absent!.recall, absent!.countExact], [0, 0, false])
  const results = await groundSentence(subject, sentences[1]!, {})
  const { j } = measureMasks(sentences[1]!, results, {
    strategy: 'bidirectional',
    tau: 0.7,
  })
  t.ok(Math.abs(j - 0.5) < 1e-9, `both boxes are 120 pixels each, J ${j}`)
})

t.test('reports have one row per kind and one for all', async t => {
  const scores = { precision: 1, recall: 0.5, f1: 0.667, countExact: true }
  const text = pointTable([
    { kind: 'color', ...scores },
    { kind: 'plural', ...scores, countExact: false },
  ])
  t.match(text, /\| color \| 1 \| 1\.000 \| 0\.500 \| 0\.667 \| 1\.000 \|/)
  t.match(text, /\| \*\*all\*\* \| 2 \| 1\.000 \| 0\.500 \| 0\.667 \| 0\.500 \|$/)
  t.match(
    maskTable([{ kind: 'color', j: 0.5, f: 1 }]),
    /\| color \| 1 \| 0\.500 \| 1\.000 \| 0\.750 \|/,
  )
})

t.test('broken clips are named', async t => {
  const folder = t.testdir({ empty: {} })
  await t.rejects(readDrawnClip(join(folder, 'empty')), {
    code: 'DATASET_INVALID',
    fault: 'missing',
    message: /empty/,
  })
})
