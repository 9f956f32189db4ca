import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { writeArchive } from '../../lib/datasets/archive.js'
import type { Dataset, DatasetName, Sequence } from '../../lib/datasets/dataset.js'
import { type DatasetOptions, openDataset } from '../../lib/datasets/open.js'
import { Problems } from '../../lib/datasets/problems.js'
import {
  checkExtraResults,
  mergeMasks,
  resultFile,
  resultParts,
  writeResult,
} from '../../lib/datasets/results.js'
import { scoreSequence, unionOfObjects } from '../../lib/evaluate/score-sequence.js'
import { readImage } from '../../lib/video/picture.js'
import {
  frames,
  labelsOf,
  maskOf,
  putDavis,
  putDrawn,
  putMevis,
  putReasonVos,
  putRefDavis,
  putRefDavisTexts,
  putRefYoutubeVos,
  putVpos,
  scene,
} from '../support/datasets.js'
import { zipNames } from '../support/zip.js'

const { width, height } = scene

/** Writes the truth as if it were a model's result. */
async function writeTruth(dataset: Dataset, sequence: Sequence, root: string): Promise<void> {
  for (const part of resultParts(dataset, sequence)) {
    for (const [i, frame] of part.frames.entries()) {
      const { expression } = part
      const found = expression
        ? unionOfObjects(await sequence.objects!(expression, frame))
        : mergeMasks([maskOf(0, i), maskOf(1, i)], width, height)
      await writeResult(root, part, frame, found)
    }
  }
}

/** What was written scores 1 when it is read back, lies where the server wants it, and packs. */
async function roundTrip(t: Test, dataset: Dataset, files: string[]): Promise<void> {
  const root = t.testdir()
  for (const sequence of dataset.sequences) {
    t.same(sequence.frames, frames)
    t.same(await readImage(sequence.pictures[0]!).then(image => image.width), width)
    await writeTruth(dataset, sequence, root)
    const { items, problems } = await scoreSequence(dataset, sequence, root)
    t.same(problems, [])
    t.ok(items.length > 0)
    for (const { id, j, f } of items) {
      t.ok(j.length > 0 && [...j, ...f].every(score => score === 1), `${sequence.id} ${id}`)
    }
  }
  for (const file of files) t.ok(existsSync(join(root, file)), file)
  await checkExtraResults(root, dataset, new Problems())
  const zip = join(t.testdirName, 'results.zip')
  const count = await writeArchive(root, dataset, zip, new Problems())
  const names = await zipNames(zip)
  t.equal(names.length, count)
  t.same(
    names.sort(),
    dataset.sequences
      .flatMap(s => resultParts(dataset, s))
      .flatMap(part => part.frames.map(frame => resultFile(part, frame)))
      .sort(),
  )
}

interface Case {
  name: DatasetName
  put: (root: string) => Promise<void>
  options?: DatasetOptions
  sequences: string[]
  sentences: string[]
  files: string[]
}

const eight = [0, 1, 2, 3].map(a => `the red box, ${a}`)

const cases: Case[] = [
  {
    name: 'davis17',
    put: putDavis,
    sequences: ['boxes'],
    sentences: [],
    files: ['boxes/00000.png'],
  },
  {
    name: 'davis17',
    put: putDavis,
    options: { protocol: 'unsupervised' },
    sequences: ['boxes'],
    sentences: [],
    files: ['boxes/00020.png'],
  },
  {
    name: 'ref-davis17',
    put: putRefDavis,
    sequences: ['boxes'],
    sentences: [...eight, ...[0, 1, 2, 3].map(a => `the blue box, ${a}`)],
    files: ['anno_0/boxes/00000.png', 'anno_3/boxes/00020.png'],
  },
  {
    name: 'ref-davis17',
    put: putRefDavisTexts,
    options: { protocol: 'per_expression' },
    sequences: ['motorbike'],
    sentences: [
      ...[0, 1, 2, 3].map(a => `the réd box, ${a}`),
      ...[0, 1, 2, 3].map(a => `the blue box, ${a}`),
    ],
    files: ['motorbike/7/00020.png'],
  },
  {
    name: 'ref-youtube-vos',
    put: putRefYoutubeVos,
    sequences: ['a1'],
    sentences: ['the red box', 'the blue box'],
    files: ['Annotations/a1/1/00015.png'],
  },
  {
    name: 'ref-youtube-vos',
    put: putRefYoutubeVos,
    options: { split: 'train' },
    sequences: ['c3'],
    sentences: ['the red box'],
    files: ['Annotations/c3/0/00015.png'],
  },
  {
    name: 'mevis',
    put: putMevis,
    sequences: ['v1'],
    sentences: ['the red box', 'all boxes'],
    files: ['v1/1/00000.png'],
  },
  {
    name: 'reason-vos',
    put: putReasonVos,
    sequences: ['two_boxes'],
    sentences: ['red', 'Which box is blue?'],
    files: ['mose_two_boxes_0/0/00000.png', 'mose_two_boxes_1/1/00020.png'],
  },
  {
    name: 'vpos-bench',
    put: putVpos,
    sequences: ['Cells/dish', 'Robotics/arm'],
    sentences: ['the blue box', 'the red box'],
    files: ['Cells/dish/0/00000.png', 'Robotics/arm/0/00000.png'],
  },
  {
    name: 'drawn',
    put: root => putDrawn(join(root, 'one')),
    sequences: ['one'],
    sentences: ['the red box', 'all boxes', 'the box moving left', 'the green box'],
    files: ['one/3/00000.png'],
  },
]

for (const { name, put, options, sequences, sentences, files } of cases) {
  const title = [name, options?.split, options?.protocol].filter(Boolean).join(' ')
  t.test(`${title}: read, written and read back`, async t => {
    const root = t.testdir()
    await put(root)
    const dataset = await openDataset(name, root, options)
    t.same(
      dataset.sequences.map(({ id }) => id),
      sequences,
    )
    t.same(
      dataset.sequences.flatMap(({ expressions }) => expressions.map(({ text }) => text)),
      sentences,
    )
    await t.test('round trip', t => roundTrip(t, dataset, files))
  })
}

t.test('sentences name the objects that the data set says', async t => {
  const root = t.testdir()
  await putMevis(root)
  const mevis = (await openDataset('mevis', root)).sequences[0]!
  const [red, all] = mevis.expressions
  const one = unionOfObjects(await mevis.objects!(red!, '00010'))
  t.same(one.data, maskOf(0, 2))
  const both = unionOfObjects(await mevis.objects!(all!, '00010'))
  t.same(
    both.data,
    labelsOf(2).map(label => +(label > 0)),
  )
})

t.test(
  'masks of MeViS follow the sorted names, in whatever order the frames are listed',
  async t => {
    const root = t.testdir()
    await putMevis(root)
    const { readFile, writeFile } = await import('node:fs/promises')
    const path = join(root, 'valid_u/meta_expressions.json')
    const meta = JSON.parse(await readFile(path, 'utf8'))
    meta.videos.v1.frames.reverse()
    await writeFile(path, JSON.stringify(meta))
    const sequence = (await openDataset('mevis', root)).sequences[0]!
    t.same(sequence.frames, frames.toReversed())
    const found = await sequence.objects!(sequence.expressions[0]!, frames[4]!)
    t.same(found.masks, [maskOf(0, 4)])
  },
)

t.test('without ground truth there are pictures and sentences, but no score', async t => {
  const root = t.testdir()
  await putMevis(root)
  const { rename, rm } = await import('node:fs/promises')
  await rm(join(root, 'valid_u/mask_dict.json'))
  await rename(join(root, 'valid_u'), join(root, 'valid'))
  const dataset = await openDataset('mevis', root, { split: 'valid' })
  t.equal(dataset.sequences[0]!.objects, undefined)
  await t.rejects(scoreSequence(dataset, dataset.sequences[0]!, root), {
    code: 'INVALID_ARGUMENT',
    message: /no ground truth/,
  })
})
