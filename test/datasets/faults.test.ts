import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dataset, DatasetName } from '../../lib/datasets/dataset.js'
import { openDataset } from '../../lib/datasets/open.js'
import { Problems } from '../../lib/datasets/problems.js'
import { checkExtraResults, resultParts, writeResult } from '../../lib/datasets/results.js'
import type { DatasetFault } from '../../lib/engine/errors.js'
import { scoreSequence, unionOfObjects } from '../../lib/evaluate/score-sequence.js'
import { encodeGrayPng, encodeLabelPng } from '../../lib/formats/png.js'
import { meanOf } from '../../lib/metrics/statistics.js'
import {
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

const { width, height } = scene

/** A MeViS set and perfect results for it. */
async function perfect(t: Test): Promise<{ dataset: Dataset; root: string; results: string }> {
  const folder = t.testdir()
  const [root, results] = [join(folder, 'set'), join(folder, 'results')]
  await putMevis(root)
  const dataset = await openDataset('mevis', root)
  const sequence = dataset.sequences[0]!
  for (const part of resultParts(dataset, sequence)) {
    for (const frame of part.frames) {
      const mask = unionOfObjects(await sequence.objects!(part.expression!, frame))
      await writeResult(results, part, frame, mask)
    }
  }
  return { dataset, root, results }
}

const faults: { name: string; fault: DatasetFault; spoil: (path: string) => Promise<void> }[] = [
  { name: 'a missing frame', fault: 'missing', spoil: path => rm(path) },
  { name: 'a cut file', fault: 'corrupt', spoil: path => truncate(path, 60) },
  { name: 'an empty file', fault: 'corrupt', spoil: path => truncate(path, 0) },
  {
    name: 'a file of another kind',
    fault: 'corrupt',
    spoil: path => writeFile(path, 'GIF89a no PNG at all'),
  },
  {
    name: 'a mask of another size',
    fault: 'mis-sized',
    spoil: async path => writeFile(path, await encodeGrayPng(new Uint8Array(12), 4, 3)),
  },
]

for (const { name, fault, spoil } of faults) {
  t.test(`results: ${name} is named; lenient scoring takes it as empty`, async t => {
    const { dataset, results } = await perfect(t)
    const path = join(results, 'v1/0/00010.png')
    await spoil(path)
    const sequence = dataset.sequences[0]!
    await t.rejects(scoreSequence(dataset, sequence, results), {
      code: 'DATASET_INVALID',
      fault,
      path,
      message: path,
    })
    const { items, problems } = await scoreSequence(dataset, sequence, results, true)
    t.match(problems, [{ fault, path }])
    t.equal(problems.length, 1)
    t.same(
      items.map(({ j }) => meanOf(j)),
      [0.8, 1],
      'one of five frames scores 0',
    )
  })
}

t.test('results: files and folders that nobody asked for', async t => {
  const { dataset, results } = await perfect(t)
  const extra = ['v1/0/00099.png', 'v1/7/00000.png', 'v9/0/00000.png', 'v1/notes.txt']
  for (const file of extra) {
    await mkdir(dirname(join(results, file)), { recursive: true })
    await copyFile(join(results, 'v1/0/00000.png'), join(results, file))
    await t.rejects(checkExtraResults(results, dataset, new Problems()), {
      code: 'DATASET_INVALID',
      fault: 'extra',
    })
  }
  const problems = new Problems(true)
  await checkExtraResults(results, dataset, problems)
  t.same(
    problems.list.map(({ path }) => path).sort(),
    ['v1/0/00099.png', 'v1/7', 'v1/notes.txt', 'v9'].map(path => join(results, path)),
  )
})

t.test('results: DAVIS refuses labels beyond the objects', async t => {
  const folder = t.testdir()
  await putDavis(folder)
  const dataset = await openDataset('davis17', folder)
  const results = join(folder, 'results')
  const [part] = resultParts(dataset, dataset.sequences[0]!)
  for (const frame of part!.frames) {
    const data = new Uint8Array(width * height).fill(frame === '00010' ? 3 : 1)
    await writeResult(results, part!, frame, { data, width, height })
  }
  await t.rejects(scoreSequence(dataset, dataset.sequences[0]!, results), {
    code: 'DATASET_INVALID',
    fault: 'corrupt',
    path: join(results, 'boxes/00010.png'),
    message: /label 3: the sequence has 2 objects/,
  })
})

interface Broken {
  name: DatasetName
  put: (root: string) => Promise<void>
  file: string
  /** Undefined: the file is removed. */
  content?: string
  fault: DatasetFault
  message: RegExp
}

const broken: Broken[] = [
  {
    name: 'davis17',
    put: putDavis,
    file: 'DAVIS/ImageSets/2017/val.txt',
    fault: 'missing',
    message: /val\.txt: the file cannot be read \(ENOENT\)/,
  },
  {
    name: 'davis17',
    put: putDavis,
    file: 'DAVIS/ImageSets/2017/val.txt',
    content: '../secrets\n',
    fault: 'corrupt',
    message: /"\.\.\/secrets" is no sequence name/,
  },
  {
    name: 'davis17',
    put: putDavis,
    file: 'DAVIS/Annotations/480p/boxes/00099.png',
    content: 'anything',
    fault: 'extra',
    message: /no picture 00099\.jpg/,
  },
  {
    name: 'ref-davis17',
    put: putRefDavisTexts,
    file: 'davis_text_annotations/Davis17_annot2.txt',
    content: 'motor-bike one red box\n',
    fault: 'corrupt',
    message: /Davis17_annot2\.txt: line 1: expected a sequence, an object number and a text/,
  },
  {
    name: 'ref-davis17',
    put: putRefDavis,
    file: 'meta_expressions/valid/meta_expressions.json',
    content: '{"videos": {"boxes": {"frames": ["00000"], "expressions": {"0": {}}}}}',
    fault: 'corrupt',
    message: /videos\.boxes\.expressions\.0\.exp: expected a text, got nothing/,
  },
  {
    name: 'ref-youtube-vos',
    put: putRefYoutubeVos,
    file: 'meta_expressions/valid/meta_expressions.json',
    content: '{"videos": {',
    fault: 'corrupt',
    message: /expected JSON, got /,
  },
  {
    name: 'ref-youtube-vos',
    put: putRefYoutubeVos,
    file: 'meta_expressions/valid/meta_expressions.json',
    content: '{"videos": {"a": {"frames": ["../../x"], "expressions": {}}}}',
    fault: 'corrupt',
    message: /expected a plain file name, got "..\/..\/x"/,
  },
  {
    name: 'mevis',
    put: putMevis,
    file: 'valid_u/meta_expressions.json',
    fault: 'missing',
    message: /meta_expressions\.json/,
  },
  {
    name: 'reason-vos',
    put: putReasonVos,
    file: 'Annotations/mose_two_boxes_1/00099.png',
    content: 'anything',
    fault: 'extra',
    message: /two_boxes lists no such frame/,
  },
  {
    name: 'vpos-bench',
    put: putVpos,
    file: 'Robotics/captions.json',
    content: '{"leg": "the red box"}',
    fault: 'missing',
    message: /JPEGImages\/leg: the folder holds no picture/,
  },
  {
    name: 'drawn',
    put: root => putDrawn(join(root, 'one')),
    file: 'one/clip.json',
    fault: 'missing',
    message: /one\/clip\.json|one: /,
  },
]

for (const { name, put, file, content, fault, message } of broken) {
  t.test(`${name}: ${content === undefined ? 'no' : 'a bad'} ${file}`, async t => {
    const root = t.testdir()
    await put(root)
    if (content === undefined) await rm(join(root, file))
    else await writeFile(join(root, file), content)
    await t.rejects(openDataset(name, root), { code: 'DATASET_INVALID', fault, message })
  })
}

const truths: { name: DatasetName; put: (root: string) => Promise<void>; file: string }[] = [
  { name: 'davis17', put: putDavis, file: 'DAVIS/Annotations/480p/boxes/00010.png' },
  { name: 'ref-davis17', put: putRefDavis, file: 'valid/Annotations/boxes/00010.png' },
  { name: 'ref-youtube-vos', put: putRefYoutubeVos, file: 'valid/Annotations/a1/0/00010.png' },
  { name: 'reason-vos', put: putReasonVos, file: 'Annotations/mose_two_boxes_0/00010.png' },
  { name: 'vpos-bench', put: putVpos, file: 'Cells/Annotations/dish/00010.png' },
  { name: 'drawn', put: root => putDrawn(join(root, 'one')), file: 'one/truth/00010.png' },
]

for (const { name, put, file } of truths) {
  t.test(`${name}: broken ground truth is named and left out when lenient`, async t => {
    const folder = t.testdir()
    await put(folder)
    const results = join(folder, 'results')
    const dataset = await openDataset(name, folder)
    const sequence = dataset.sequences[0]!
    for (const part of resultParts(dataset, sequence)) {
      for (const frame of part.frames) {
        await writeResult(results, part, frame, {
          data: new Uint8Array(width * height),
          width,
          height,
        })
      }
    }
    const bytes = await readFile(join(folder, file))
    await writeFile(join(folder, file), bytes.subarray(0, bytes.length - 40))
    await t.rejects(scoreSequence(dataset, sequence, results), {
      code: 'DATASET_INVALID',
      fault: 'corrupt',
      path: join(folder, file),
    })
    const { items, problems } = await scoreSequence(dataset, sequence, results, true)
    t.match(problems[0], { fault: 'corrupt', path: join(folder, file) })
    t.notOk(items[0]!.frames.includes('00010'))
    t.ok(items[0]!.frames.includes('00015'))
  })
}

t.test('mask_dict.json: wrong counts and lengths are named', async t => {
  const root = t.testdir()
  await putMevis(root)
  const path = join(root, 'valid_u/mask_dict.json')
  const dict = JSON.parse(await readFile(path, 'utf8'))
  const spoil = async (change: (dict: Record<string, { counts: string }[]>) => void) => {
    const copy = structuredClone(dict)
    change(copy)
    await writeFile(path, JSON.stringify(copy))
    const { sequences } = await openDataset('mevis', root)
    return sequences[0]!.objects!(sequences[0]!.expressions[0]!, '00005')
  }
  await t.rejects(
    spoil(copy => copy['7']!.pop()),
    { fault: 'corrupt', path, message: /annotation 7: expected 5 frames, got 4/ },
  )
  await t.rejects(
    spoil(copy => {
      copy['7']![1]!.counts = '1'
    }),
    { fault: 'corrupt', path, message: /annotation 7, frame 1: run lengths must add up/ },
  )
})

t.test('lenient reading passes over a video that is not described well', async t => {
  const root = t.testdir()
  await putMevis(root)
  const path = join(root, 'valid_u/meta_expressions.json')
  const { videos } = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ videos: { ...videos, v0: { frames: 3 } } }))
  const problems = new Problems(true)
  const { sequences } = await openDataset('mevis', root, { problems })
  t.same(
    sequences.map(({ id }) => id),
    ['v1'],
  )
  t.match(problems.list, [{ fault: 'corrupt', path, detail: /videos\.v0|expected/ }])
})

t.test('unknown names, splits and protocols', async t => {
  const root = t.testdir()
  const rejects = (name: string, options = {}, message: RegExp) =>
    t.rejects(openDataset(name as DatasetName, root, options), {
      code: 'INVALID_ARGUMENT',
      message,
    })
  await rejects('coco', {}, /data set must be one of davis17, .* got "coco"/)
  await rejects('mevis', { split: 'val' }, /split of mevis must be one of valid_u, valid, train/)
  await rejects('mevis', { protocol: 'unsupervised' }, /protocol of mevis/)
})

t.test('label maps may be stored in the colours of the palette', async t => {
  const sharp = (await import('sharp')).default
  const { readLabelFile, readMaskFile } = await import('../../lib/datasets/files.js')
  const folder = t.testdir()
  const labels = Uint8Array.from({ length: 12 }, (_, i) => [0, 1, 2, 255][i % 4]!)
  const indexed = await encodeLabelPng(labels, 4, 3)
  const path = join(folder, 'rgb.png')
  await writeFile(path, await sharp(indexed).removeAlpha().png({ palette: false }).toBuffer())
  t.same((await readLabelFile(path)).data, labels)
  t.same(
    (await readMaskFile(path)).data,
    labels.map(label => +(label > 0)),
  )
  const raw = { raw: { width: 4, height: 3, channels: 3 as const } }
  await writeFile(path, await sharp(new Uint8Array(36).fill(77), raw).png().toBuffer())
  await t.rejects(readLabelFile(path), { fault: 'corrupt', message: /colour \(77, 77, 77\)/ })
})

t.test('ReasonVOS: a frame without annotation is not scored, and that is no fault', async t => {
  const folder = t.testdir()
  await putReasonVos(folder)
  await rm(join(folder, 'Annotations/mose_two_boxes_0/00010.png'))
  const dataset = await openDataset('reason-vos', folder)
  const sequence = dataset.sequences[0]!
  const results = join(folder, 'results')
  for (const part of resultParts(dataset, sequence)) {
    for (const frame of part.frames) {
      const data = new Uint8Array(width * height)
      await writeResult(results, part, frame, { data, width, height })
    }
  }
  const { items } = await scoreSequence(dataset, sequence, results)
  t.same(
    items.map(({ frames }) => frames.includes('00010')),
    [false, true],
  )
})

t.test('indexed masks count by their colours, as the public scorers read them', async t => {
  const { readMaskFile } = await import('../../lib/datasets/files.js')
  const path = join(t.testdir(), 'indexed.png')
  const palette = new Uint8Array(768)
  palette.set([0, 0, 0, 0, 0, 9, 255, 255, 255], 0)
  // Index 1 is a dark blue, index 3 is black.
  const file = await encodeLabelPng(Uint8Array.of(0, 1, 2, 3), 4, 1, palette)
  await writeFile(path, file)
  t.same((await readMaskFile(path)).data, Uint8Array.of(0, 1, 1, 0))
})
