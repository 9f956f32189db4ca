import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Problems } from '../../lib/datasets/problems.js'
import { encodeLabelPng } from '../../lib/formats/png.js'
import { rleArea, rleBox } from '../../lib/formats/rle-algebra.js'
import { readLabelFolder } from '../../lib/labels/folder.js'
import { readCoco } from '../../lib/labels/read-coco.js'
import { readCvat } from '../../lib/labels/read-cvat.js'
import { readLabelStudio } from '../../lib/labels/read-label-studio.js'

const square = (x: number) => [x, 10, x + 12, 10, x + 12, 22, x, 22]

/** Three pictures of 64x48 with a square each; the second annotation is as given. */
function pictures(second: object) {
  return {
    images: [1, 2, 3].map(id => ({ id, file_name: `${id}.png`, width: 64, height: 48 })),
    categories: [{ id: 1, name: 'square' }],
    annotations: [1, 2, 3].map(id => ({
      id,
      image_id: id,
      category_id: 1,
      segmentation: [square(10 + 4 * id)],
      ...(id === 2 ? second : {}),
    })),
  }
}

/** What a reader gives leniently, and the faults that it names; strictly it throws. */
function bothWays<T>(t: Test, read: (problems: Problems) => T): { found: T; faults: string[] } {
  t.throws(() => read(new Problems()), { code: 'DATASET_INVALID' })
  const problems = new Problems(true)
  const found = read(problems)
  return { found, faults: problems.list.map(({ path, detail }) => `${path}: ${detail}`) }
}

t.test('COCO: a bad annotation costs that annotation', async t => {
  for (const [second, masks, fault] of [
    [{ segmentation: [] }, [1, 0, 1], /annotations\.1\.segmentation: expected lists/],
    [{ segmentation: [[5, 5, 9, 9]] }, [1, 0, 1], /annotations\.1\.segmentation\.0: expected x, y/],
    [{ segmentation: [square(14), []] }, [1, 1, 1], /annotations\.1\.segmentation\.1: expected/],
    [{ image_id: 99 }, [1, 0, 1], /annotations\.1\.image_id: expected the id of one of the images/],
    [{ category_id: 7 }, [1, 0, 1], /annotations\.1\.category_id: expected the id of a category/],
  ] as const) {
    const { found, faults } = bothWays(t, problems =>
      readCoco(pictures(second), 'a.json', { problems }),
    )
    t.same(
      found.map(({ frames }) => frames[0]!.masks.length),
      masks,
    )
    t.match(faults[0], fault)
    t.ok(faults.every(text => text.startsWith('a.json: ')))
  }
  const good = readCoco(pictures({ segmentation: [square(14), []] }), 'a.json', { lenient: true })
  t.equal(rleArea(good[1]!.frames[0]!.masks[0]!.rle), 144, 'the good part is the whole square')
})

t.test(
  'COCO: pictures that belong to videos are frames of clips, objects keep their numbers',
  async t => {
    for (const [frame, object] of [
      ['frame_id', 'instance_id'],
      ['frame_index', 'track_id'],
    ] as const) {
      const images = [2, 0, 1].map(i => ({
        id: 10 + i,
        video_id: 5,
        [frame]: 10 * i,
        file_name: `v/${i}.png`,
        width: 64,
        height: 48,
      }))
      const annotations = [0, 1, 2].map(i => ({
        image_id: 10 + i,
        category_id: 1,
        [object]: 7,
        segmentation: [square(10 + 4 * i)],
      }))
      const file = {
        videos: [{ id: 5, name: 'v' }],
        images,
        categories: [{ id: 1, name: 'square' }],
        annotations: [...annotations, { ...annotations[0], segmentation: [square(40)] }],
      }
      const [clip] = readCoco(file, 'a.json')
      t.match(clip, { name: 'v', width: 64, height: 48, frameCount: 3 })
      t.same(clip!.fileNames, ['v/0.png', 'v/1.png', 'v/2.png'], 'in the order of their frames')
      t.same(clip!.objects, [{ objectId: 7, label: 'square' }])
      const boxes = clip!.frames.map(({ masks }) => masks.map(({ rle }) => rleBox(rle)?.x))
      t.same(boxes, [[10], [14], [18]])
      t.equal(rleArea(clip!.frames[0]!.masks[0]!.rle), 288, 'two parts of one object are one mask')
      const sizes = structuredClone(file)
      sizes.images[0]!.width = 32
      t.throws(() => readCoco(sizes, 'a.json'), {
        message: /images\.0: expected the size of its video/,
      })
    }
  },
)

const CVAT_HEAD =
  '<meta><task><name>a</name><size>3</size><original_size><width>64</width><height>48</height></original_size></task></meta>'
const mask = (frame: number, rle = '0,144') =>
  `<mask frame="${frame}" outside="0" rle="${rle}" left="10" top="10" width="12" height="12"/>`
const cvat = (...tracks: string[]) => `<annotations>${CVAT_HEAD}${tracks.join('')}</annotations>`

t.test('CVAT: a bad shape costs that shape', async t => {
  const good = `<track label="cat">${mask(0)}</track>`
  for (const [bad, fault] of [
    [
      '<track label="cat"><box frame="0" outside="0"/></track>',
      /expected masks or polygons, got box/,
    ],
    [`<track label="cat">${mask(1, '0,145')}</track>`, /144 pixels inside 64x48, got 145/],
    [`<track label="cat">${mask(1, '0.5,143.5')}</track>`, /expected run lengths/],
    [`<track label="cat">${mask(3)}</track>`, /<mask> of frame 3: the clip ends before it, at 3/],
    [`<track>${mask(1)}</track>`, /<track> has no label/],
  ] as const) {
    const { found, faults } = bothWays(t, problems =>
      readCvat(cvat(good, bad), 'a.xml', { problems }),
    )
    t.same(
      found[0]!.frames.map(({ frameIndex }) => frameIndex),
      [0],
    )
    t.equal(faults.length, 1)
    t.match(faults[0], fault)
  }
})

t.test('CVAT for images: a picture is a clip of one frame', async t => {
  const shape = '<mask label="cat" rle="0,144" left="10" top="10" width="12" height="12"/>'
  const image = (name: string, shapes: string) =>
    `<image id="0" name="${name}" width="64" height="48">${shapes}</image>`
  const text = cvat(image('0.png', shape), image('1.png', shape + shape.replaceAll('10', '30')))
  const clips = readCvat(text, 'a.xml')
  t.match(clips, [
    {
      name: '0.png',
      frameCount: 1,
      fileNames: ['0.png'],
      objects: [{ objectId: 1, label: 'cat' }],
    },
    { name: '1.png', objects: [{ objectId: 1 }, { objectId: 2 }] },
  ])
  t.same(rleBox(clips[1]!.frames[0]!.masks[1]!.rle), { x: 30, y: 30, width: 12, height: 12 })
  const boxed = cvat(image('0.png', '<box label="cat"/>'), image('1.png', shape))
  const { found, faults } = bothWays(t, problems => readCvat(boxed, 'a.xml', { problems }))
  t.same(
    found.map(({ objects }) => objects.length),
    [0, 1],
  )
  t.match(faults, [/<image> 0\.png: expected masks or polygons, got box/])
})

/** A task with a box that moves over frames 1 to 3. */
function task(video: string, value: object = {}) {
  const key = (frame: number, x: number) => ({ frame, x, y: 25, width: 25, height: 25 })
  const region = {
    id: 'r',
    type: 'videorectangle',
    original_width: 64,
    original_height: 48,
    value: { framesCount: 3, labels: ['cat'], sequence: [key(1, 0), key(3, 50)], ...value },
  }
  return { data: { video }, annotations: [{ result: [region] }] }
}

t.test('Label Studio: a task that was not labelled costs that task', async t => {
  const tasks = [task('a.mp4'), { data: { video: 'b.mp4' }, annotations: [] }, task('c.mp4')]
  const { found, faults } = bothWays(t, problems => readLabelStudio(tasks, 'a.json', { problems }))
  t.same(
    found.map(({ name, frames }) => [name, frames.length]),
    [
      ['a', 3],
      ['c', 3],
    ],
  )
  t.match(faults, [/^a\.json: 1: expected at least one video box/])
  const [clip] = found
  const boxes = clip!.frames.map(({ masks }) => rleBox(masks[0]!.rle))
  t.same(boxes, [
    { x: 0, y: 12, width: 16, height: 12 },
    { x: 16, y: 12, width: 16, height: 12 },
    { x: 32, y: 12, width: 16, height: 12 },
  ])
  const [unnamed] = readLabelStudio([task('a.mp4', { labels: undefined })], 'a.json')
  t.same(unnamed!.objects, [{ objectId: 1, label: null }], 'a box that nobody named')
})

t.test('a folder of masks: a broken file costs that frame', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'labels-'))
  await writeFile(join(folder, '0.png'), await encodeLabelPng(Uint8Array.of(0, 3), 2, 1))
  await writeFile(join(folder, '1.png'), 'no picture')
  await writeFile(join(folder, '2000000.png'), await encodeLabelPng(Uint8Array.of(0, 3), 2, 1))
  await t.rejects(readLabelFolder(folder), { code: 'DATASET_INVALID' })
  const problems = new Problems(true)
  const clip = await readLabelFolder(folder, null, { problems })
  t.match(clip, { width: 2, height: 1, objects: [{ objectId: 3 }], frames: { length: 1 } })
  t.match(
    problems.list.map(({ path, detail }) => `${path}: ${detail}`),
    [/1\.png: .*not a PNG/, /2000000\.png: .*below 1000000/],
  )
})
