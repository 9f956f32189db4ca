import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { encodeLabelPng } from '../../lib/formats/png.js'
import { decodeRle, encodeRle } from '../../lib/formats/rle.js'
import { readLabelFolder } from '../../lib/labels/folder.js'
import { readCoco } from '../../lib/labels/read-coco.js'

/** 4 x 3 pixels. */
const labels = Uint8Array.of(0, 1, 1, 0, 255, 3, 3, 0, 0, 0, 3, 0)
const maskOf = (label: number) => labels.map(value => +(value === label))
const rleOf = (label: number) => encodeRle(maskOf(label), 4, 3)

async function folderOf(t: Test, files: Record<string, Uint8Array>): Promise<string> {
  const folder = t.testdir()
  for (const [name, data] of Object.entries(files)) await writeFile(join(folder, name), data)
  return folder
}

t.test('a folder of indexed masks', async t => {
  const png = await encodeLabelPng(labels, 4, 3)
  const blank = await encodeLabelPng(new Uint8Array(12), 4, 3)
  const folder = await folderOf(t, { '00010.png': png, '00005.png': blank })
  const byNumber = await readLabelFolder(folder)
  t.match(byNumber, { width: 4, height: 3, frameCount: 0, fileNames: null })
  t.same(byNumber.objects, [
    { objectId: 1, label: null },
    { objectId: 3, label: null },
  ])
  t.same(
    byNumber.frames.map(({ frameIndex }) => frameIndex),
    [5, 10],
  )
  t.same(byNumber.frames[0]!.masks, [], 'a frame where nothing is')
  for (const { objectId, rle } of byNumber.frames[1]!.masks) {
    t.same(decodeRle(rle), maskOf(objectId), 'object numbers are the stored values')
  }
  const byName = await readLabelFolder(folder, ['00000.jpg', '00005.jpg', 'x/00010.jpg'])
  t.same(
    byName.frames.map(({ frameIndex }) => frameIndex),
    [1, 2],
  )
  t.equal(byName.frameCount, 3)
  await t.rejects(readLabelFolder(folder, ['00005.jpg']), {
    code: 'DATASET_INVALID',
    message: /00010\.png: no picture is called 00010/,
  })
})

t.test('a gray mask of 0 and 255 is one object', async t => {
  const sharp = (await import('sharp')).default
  const gray = await sharp(
    maskOf(3).map(value => value * 255),
    {
      raw: { width: 4, height: 3, channels: 1 },
    },
  )
    .toColourspace('b-w')
    .png()
    .toBuffer()
  const folder = await folderOf(t, { 'frame 7.png': gray })
  const { frames, objects } = await readLabelFolder(folder)
  t.same(objects, [{ objectId: 1, label: null }])
  t.equal(frames[0]!.frameIndex, 7)
  t.same(decodeRle(frames[0]!.masks[0]!.rle), maskOf(3))
})

t.test('folders that are wrong', async t => {
  const failed = { code: 'DATASET_INVALID' }
  const small = await encodeLabelPng(labels, 4, 3)
  const large = await encodeLabelPng(new Uint8Array(6), 3, 2)
  await t.rejects(readLabelFolder(await folderOf(t, {})), { ...failed, message: /no PNG mask/ })
  const sizes = await folderOf(t, { '0.png': small, '1.png': large })
  await t.rejects(readLabelFolder(sizes), { ...failed, message: /1\.png: expected 4x3, got 3x2/ })
  const broken = await folderOf(t, { '0.png': small.subarray(0, 60) })
  await t.rejects(readLabelFolder(broken), { ...failed, message: /0\.png/ })
  const nameless = await folderOf(t, { 'mask.png': small })
  await t.rejects(readLabelFolder(nameless), { ...failed, message: /mask\.png: .* number/ })
})

const categories = [
  { id: 1, name: 'dog' },
  { id: 7, name: 'cat' },
]

const images = {
  images: [
    { id: 20, width: 4, height: 3, file_name: 'a/1.jpg' },
    { id: 10, width: 5, height: 3, file_name: 'b.jpg' },
  ],
  annotations: [
    { id: 1, image_id: 20, category_id: 7, segmentation: rleOf(1) },
    {
      id: 2,
      image_id: 20,
      category_id: 1,
      segmentation: { size: [3, 4], counts: [0, 1, 0, 0, 11] },
    },
  ],
  categories,
}

const videos = {
  videos: [
    { id: 3, width: 4, height: 3, file_names: ['v/0.jpg', 'v/1.jpg'] },
    { id: 4, width: 4, height: 3, name: 'other', file_names: [] as string[] },
  ],
  annotations: [
    { id: 1, video_id: 3, category_id: 7, track_id: 5, segmentations: [rleOf(1), null] },
    { id: 2, video_id: 3, category_id: 1, track_id: 2, segmentations: [rleOf(3), rleOf(1)] },
  ],
  categories,
}

t.test('COCO pictures', async t => {
  const [first, second, ...others] = readCoco(images, 'labels.json')
  t.same(others, [])
  t.match(first, { name: 'a/1.jpg', width: 4, height: 3, frameCount: 1, fileNames: ['a/1.jpg'] })
  t.same(first!.objects, [
    { objectId: 1, label: 'cat' },
    { objectId: 2, label: 'dog' },
  ])
  const [cat, dog] = first!.frames[0]!.masks
  t.same(cat, { objectId: 1, rle: rleOf(1) })
  t.same([...decodeRle(dog!.rle)], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'runs of zero length')
  t.match(second, { width: 5, objects: [], frames: [{ frameIndex: 0, masks: [] }] })
})

t.test('COCO polygons are filled as pycocotools fills them', async t => {
  const file = structuredClone(images) as Any
  file.annotations[0].segmentation = [
    [0, 0, 2, 0, 2, 1, 0, 1],
    [3, 1, 4, 1, 4, 3, 3, 3],
  ]
  const [first] = readCoco(file, 'labels.json')
  const filled = decodeRle(first!.frames[0]!.masks[0]!.rle)
  t.same([...filled], [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1])
})

t.test('COCO videos', async t => {
  const [clip, other] = readCoco(videos, 'labels.json')
  t.match(clip, { name: 'v', frameCount: 2, fileNames: ['v/0.jpg', 'v/1.jpg'] })
  t.same(clip!.objects, [
    { objectId: 5, label: 'cat' },
    { objectId: 2, label: 'dog' },
  ])
  t.same(clip!.frames, [
    {
      frameIndex: 0,
      masks: [
        { objectId: 5, rle: rleOf(1) },
        { objectId: 2, rle: rleOf(3) },
      ],
    },
    { frameIndex: 1, masks: [{ objectId: 2, rle: rleOf(1) }] },
  ])
  t.match(other, { name: 'other', frameCount: 0, frames: [] })
})

t.test('COCO files that are wrong name the file and the field', async t => {
  const wrong = (change: (file: Any) => void, message: RegExp, file: object = images) => {
    const copy = structuredClone(file) as Any
    change(copy)
    t.throws(() => readCoco(copy, 'labels.json'), { code: 'DATASET_INVALID', message })
  }
  t.throws(() => readCoco([], 'labels.json'), { code: 'DATASET_INVALID', message: /labels\.json/ })
  t.throws(() => readCoco({}, 'labels.json'), {
    code: 'DATASET_INVALID',
    message: /images: expected a list, got nothing/,
  })
  wrong(f => (f.images = 5), /labels\.json: images: expected a list, got 5/)
  wrong(f => delete f.images[1].file_name, /images\.1\.file_name: expected a text, got nothing/)
  wrong(
    f => (f.images[0].width = 0),
    /images\.0\.width: expected a whole number in 1\.\.16384, got 0/,
  )
  wrong(f => (f.annotations[1].image_id = 9), /annotations\.1\.image_id: .*images, got 9/)
  wrong(f => (f.annotations[1].category_id = 9), /annotations\.1\.category_id: .*category, got 9/)
  wrong(
    f => (f.annotations[0].segmentation.size = [4, 3]),
    /annotations\.0\.segmentation\.size: expected \[3, 4\].* got \[4,3\]/,
  )
  wrong(
    f => (f.annotations[0].segmentation.counts = [3]),
    /annotations\.0\.segmentation\.counts: .* 12 .* got 3/,
  )
  wrong(f => (f.annotations[0].segmentation.counts = null), /counts: expected a text, got null/)
  wrong(
    f => (f.annotations[0].segmentation = [[0, 0, 1, 1]]),
    /segmentation\.0: expected x, y pairs with three corners or more/,
  )
  wrong(f => delete f.videos[0].file_names, /videos\.0\.file_names: expected a list/, videos)
  wrong(
    f => f.annotations[0].segmentations.pop(),
    /annotations\.0\.segmentations: expected a list of 2/,
    videos,
  )
})

// biome-ignore lint/suspicious/noExplicitAny: files are broken in every place.
type Any = any
