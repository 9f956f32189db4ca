import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { decodeLabelPng } from '../../lib/formats/png.js'
import { maskToPolygons, polygonsToMask } from '../../lib/formats/polygons.js'
import { decodeRle, encodeRle } from '../../lib/formats/rle.js'
import { parseXml, type XmlElement } from '../../lib/labels/xml.js'
import {
  LABEL_FORMATS,
  type LabelledClip,
  readCoco,
  readCvat,
  readLabelFile,
  readLabelStudio,
  readYoutubeVos,
  toCoco,
  toCvat,
  toLabelStudio,
  writeLabels,
} from '../../lib/labels.js'

const [WIDTH, HEIGHT] = [9, 7]

/** A mask of '#' and '.', rows separated by blanks. */
const draw = (text: string) =>
  encodeRle(
    Uint8Array.from(text.replaceAll(/\s/g, ''), letter => +(letter === '#')),
    WIDTH,
    HEIGHT,
  )

const ring = draw(`
  .........
  .####....
  .#..#....
  .####....
  .........
  .........
  .........`)
const parts = draw(`
  ##.......
  #........
  .........
  .........
  .........
  .......##
  .......##`)
const dot = draw(`
  .........
  .........
  .........
  .........
  .........
  .....#...
  .........`)

/** Objects with a hole, of two parts, that come and go; a frame without any; odd labels. */
const clip: LabelledClip = {
  name: 'a clip',
  width: WIDTH,
  height: HEIGHT,
  frameCount: 5,
  fileNames: ['x/f0.jpg', 'x/f1.jpg', 'x/f2.jpg', 'x/f3.jpg', 'x/f4.jpg'],
  objects: [
    { objectId: 2, label: 'the <ring> & "all"' },
    { objectId: 5, label: 'dots' },
    { objectId: 7, label: 'dots' },
  ],
  frames: [
    { frameIndex: 0, masks: [{ objectId: 2, rle: ring }] },
    {
      frameIndex: 1,
      masks: [
        { objectId: 2, rle: ring },
        { objectId: 5, rle: dot },
        { objectId: 7, rle: parts },
      ],
    },
    { frameIndex: 2, masks: [] },
    { frameIndex: 3, masks: [{ objectId: 7, rle: parts }] },
    { frameIndex: 4, masks: [{ objectId: 2, rle: ring }] },
  ],
}

/** A second clip without picture names and labels, of which only some frames were labelled. */
const sparse: LabelledClip = {
  ...clip,
  name: 'sparse',
  frameCount: 0,
  fileNames: null,
  objects: [{ objectId: 1, label: null }],
  frames: [{ frameIndex: 3, masks: [{ objectId: 1, rle: dot }] }],
}

/** What a format without empty frames keeps. */
const seen = (frames: LabelledClip['frames']) => frames.filter(({ masks }) => masks.length > 0)

t.test('COCO videos are read back and follow the published fields', async t => {
  const file = JSON.parse(JSON.stringify(toCoco([clip, sparse])))
  const [first, second] = readCoco(file, 'coco.json')
  t.same(first, clip)
  t.same(seen(second!.frames), sparse.frames)
  t.match(second, { name: 'sparse', frameCount: 4, objects: [{ objectId: 1, label: 'object' }] })
  const isWhole = (value: unknown) => Number.isInteger(value)
  for (const video of file.videos) {
    t.ok([video.id, video.width, video.height, video.length].every(isWhole))
    t.equal(video.file_names.length, video.length)
  }
  t.same(file.videos[1].file_names.at(-1), 'sparse/00003.jpg')
  t.same(file.categories, [
    { id: 1, name: 'the <ring> & "all"', supercategory: 'object' },
    { id: 2, name: 'dots', supercategory: 'object' },
    { id: 3, name: 'object', supercategory: 'object' },
  ])
  const ids = file.annotations.map((annotation: { id: number }) => annotation.id)
  t.same(ids, [1, 2, 3, 4], 'numbers are unique in the file')
  for (const annotation of file.annotations) {
    const video = file.videos.find(({ id }: { id: number }) => id === annotation.video_id)
    t.equal(annotation.iscrowd, 0)
    for (const key of ['segmentations', 'bboxes', 'areas']) {
      t.equal(annotation[key].length, video.length, key)
    }
    for (const [i, segmentation] of annotation.segmentations.entries()) {
      const [box, area] = [annotation.bboxes[i], annotation.areas[i]]
      t.same([box === null, area === null], [segmentation === null, segmentation === null])
      if (segmentation === null) continue
      t.same(segmentation.size, [HEIGHT, WIDTH])
      t.equal(
        area,
        decodeRle(segmentation).reduce((sum, value) => sum + value, 0),
      )
    }
  }
  t.same(file.annotations[2].bboxes, [null, [0, 0, 9, 7], null, [0, 0, 9, 7], null])
})

t.test('YouTube-VOS is read back', async t => {
  const folder = join(t.testdir(), 'youtube')
  await writeLabels(t.testdirName, [clip, sparse], 'youtube-vos')
  const root = join(t.testdirName, 'youtube-vos')
  const pictures = async (name: string) =>
    name === 'a clip' ? clip.fileNames!.map(file => file.slice(2)) : null
  const [first, second] = await readYoutubeVos(root, pictures)
  t.same(first, { ...clip, fileNames: clip.fileNames!.map(file => file.slice(2)) })
  t.same(second!.frames, sparse.frames)
  const meta = JSON.parse(readFileSync(join(root, 'meta.json'), 'utf8'))
  t.same(meta.videos['a clip'].objects['7'], { category: 'dots', frames: ['f1', 'f3'] })
  const png = decodeLabelPng(readFileSync(join(root, 'Annotations/a clip/f1.png')))
  t.ok(png.indexed)
  t.same(new Set(png.data), new Set([0, 2, 5, 7]))

  const overlapping = { ...sparse, frames: [{ frameIndex: 0, masks: [...clip.frames[1]!.masks] }] }
  overlapping.frames[0]!.masks.push({ objectId: 1, rle: ring })
  await writeLabels(folder, [{ ...overlapping, objects: clip.objects }], 'youtube-vos')
  const path = join(folder, 'youtube-vos/Annotations/sparse/00000.png')
  const lowest = decodeLabelPng(readFileSync(path))
  t.notOk(lowest.data.includes(2), 'the lowest number shows')
  const many = { ...sparse, objects: [{ objectId: 255, label: 'x' }] }
  await t.rejects(writeLabels(folder, [many], 'youtube-vos'), {
    code: 'INVALID_ARGUMENT',
    message: /1\.\.254, got 255/,
  })
  await writeFile(join(root, 'meta.json'), '{"videos": {"sparse": {"objects": {}}}}')
  await t.rejects(readYoutubeVos(root), { message: /meta\.json.* object 1 has no category/ })
})

/** The elements that the documented format has, with their attributes. */
const CVAT: Record<string, string[]> = {
  annotations: [],
  version: [],
  meta: [],
  task: [],
  name: [],
  size: [],
  mode: [],
  overlap: [],
  start_frame: [],
  stop_frame: [],
  frame_filter: [],
  labels: [],
  label: [],
  type: [],
  attributes: [],
  original_size: [],
  width: [],
  height: [],
  source: [],
  track: ['id', 'label', 'source', 'group_id'],
  mask: [
    ...['frame', 'keyframe', 'outside', 'occluded', 'rle'],
    ...['left', 'top', 'width', 'height', 'z_order'],
  ],
}

function checkElement(t: Test, { name, attributes, children }: XmlElement): void {
  t.same(Object.keys(attributes), CVAT[name], name)
  for (const child of children) checkElement(t, child)
}

t.test('CVAT for video is read back and follows the documented format', async t => {
  const text = toCvat(clip)
  const { objects, frames, ...rest } = readCvat(text, 'a.xml')[0]!
  t.same(objects, clip.objects)
  t.same(frames, seen(clip.frames))
  t.match(rest, { name: 'a clip', width: WIDTH, height: HEIGHT, frameCount: 5, fileNames: null })
  const root = parseXml(text, 'a.xml')
  checkElement(t, root)
  const tracks = root.children.filter(({ name }) => name === 'track')
  t.same(
    tracks.map(({ attributes }) => attributes.id),
    [0, 1, 2, 3, 4, 5].map(String),
  )
  for (const { children } of tracks) {
    const [shown, end] = children
    t.equal(shown!.attributes.outside, '0')
    if (shown!.attributes.frame === '4') t.equal(end, undefined, 'nothing after the last frame')
    else t.match(end!.attributes, { outside: '1', frame: String(+shown!.attributes.frame! + 1) })
  }
  const hole = tracks[0]!.children[0]!.attributes
  t.match(hole, { rle: '0, 5, 2, 5', left: '1', top: '1', width: '4', height: '3' })
})

const cvat = (tracks: string) =>
  `<annotations><version>1.1</version><meta><task><size>9</size><original_size><width>9</width>
  <height>7</height></original_size><source>videos/street.mp4</source></task></meta>${tracks}</annotations>`

const shape = (frame: number, outside: number, left: number) =>
  `<mask frame="${frame}" keyframe="1" outside="${outside}" occluded="0" rle="0,4" left="${left}" top="2" width="2" height="2" z_order="0"/>`

const square = (left: number) => {
  const data = new Uint8Array(63)
  for (const at of [18, 19, 27, 28]) data[at + left] = 1
  return encodeRle(data, 9, 7)
}

t.test('masks that CVAT took apart are put together by their overlap', async t => {
  const track = (label: string, frame: number, left: number) =>
    `<track id="0" label="${label}" source="manual">${shape(frame, 0, left)}${shape(frame + 1, 1, left)}</track>`
  const tracks = [
    ...[track('cat', 2, 5), track('cat', 0, 1), track('cat', 0, 5)],
    ...[track('cat', 2, 2), track('dog', 2, 1)],
  ]
  const { name, objects, frames } = readCvat(cvat(tracks.join('')), 'a.xml')[0]!
  t.equal(name, 'street')
  t.same(
    objects.map(({ label }) => label),
    ['cat', 'cat', 'dog'],
  )
  const at = (frame: number, objectId: number) =>
    frames
      .find(({ frameIndex }) => frameIndex === frame)!
      .masks.find(mask => mask.objectId === objectId)?.rle
  const [left, right, dog] = objects.map(({ objectId }) => objectId)
  t.same([at(0, left!), at(2, left!)], [square(1), square(2)])
  t.same([at(0, right!), at(2, right!)], [square(5), square(5)])
  t.same([at(0, dog!), at(2, dog!)], [undefined, square(1)])
})

t.test('polygon tracks of CVAT hold the pixels that they enclose', async t => {
  const polygon = (frame: number, outside: number) =>
    `<polygon frame="${frame}" keyframe="0" outside="${outside}" points="1.00,2.00;3.00,2.00;3.00,4.00;1.00,4.00"/>`
  const track = `<track id="0" label="car">${polygon(0, 0)}${polygon(1, 0)}${polygon(2, 1)}</track>`
  const { objects, frames } = readCvat(cvat(track), 'a.xml')[0]!
  t.same(objects, [{ objectId: 1, label: 'car' }])
  t.same(
    frames.map(({ frameIndex, masks }) => [frameIndex, masks[0]!.rle]),
    [
      [0, square(1)],
      [1, square(1)],
    ],
  )
  for (const rle of [ring, parts, dot]) {
    const outlines = maskToPolygons(decodeRle(rle), 9, 7).map(({ points }) => points)
    t.same(polygonsToMask(outlines, 9, 7), decodeRle(rle), 'outlines give their mask back')
  }
  const diamond = polygonsToMask(
    [
      [
        [4.5, -2],
        [9, 3.5],
        [4.5, 9],
        [0, 3.5],
      ],
    ],
    9,
    7,
  )
  t.equal(diamond[3 * 9 + 4], 1)
  t.equal(diamond[0], 0)
})

t.test('CVAT files that are wrong name the file and the element', async t => {
  const wrong = (text: string, message: RegExp) =>
    t.throws(() => readCvat(text, 'a.xml'), { code: 'DATASET_INVALID', fault: 'corrupt', message })
  wrong('<annotations>', /a\.xml: not XML: .*annotations/)
  wrong('<a/>', /a\.xml: expected <annotations>, got <a>/)
  wrong('<annotations/>', /original_size/)
  wrong(cvat('<track id="0"/>'), /<track> has no label/)
  wrong(cvat(`<track label="x">${shape(0, 0, 8)}</track>`), /frame 0: .* inside 9x7.* at 8, 2/)
  wrong(cvat(`<track label="x">${shape(0, 0, 1).replace('0,4', '0,5')}</track>`), /got 5/)
  wrong(cvat(`<track label="x">${shape(0, 0, 1).replace('frame="0"', '')}</track>`), /<mask> frame/)
  wrong(cvat('<track label="x"><box frame="0" outside="0"/></track>'), /masks or polygons, got box/)
  wrong(cvat('<track label="x"><polygon frame="0" points="1,2;3"/></track>'), /frame 0: points/)
})

t.test('Label Studio boxes are read back', async t => {
  const tasks = JSON.parse(JSON.stringify(toLabelStudio([clip], { frameRate: 10 })))
  const [back] = readLabelStudio(tasks, 'tasks.json')
  t.match(back, { name: 'a clip', width: WIDTH, height: HEIGHT, frameCount: 5 })
  t.same(back!.objects, clip.objects)
  const boxOf = (rle: typeof ring) => {
    const data = decodeRle(rle)
    const on = [...data.keys()].filter(at => data[at])
    const [xs, ys] = [on.map(at => at % 9), on.map(at => Math.floor(at / 9))]
    const inside = (at: number) =>
      at % 9 >= Math.min(...xs) &&
      at % 9 <= Math.max(...xs) &&
      Math.floor(at / 9) >= Math.min(...ys) &&
      Math.floor(at / 9) <= Math.max(...ys)
    return encodeRle(
      data.map((_, at) => +inside(at)),
      9,
      7,
    )
  }
  const boxes = seen(clip.frames).map(({ frameIndex, masks }) => ({
    frameIndex,
    masks: masks.map(({ objectId, rle }) => ({ objectId, rle: boxOf(rle) })),
  }))
  t.same(back!.frames, boxes)
  const region = tasks[0].predictions[0].result[0]
  t.match(region, { type: 'videorectangle', from_name: 'box', to_name: 'video' })
  t.match(region.value, { framesCount: 5, duration: 0.5, labels: ['the <ring> & "all"'] })
  const keyframes = region.value.sequence.map((item: { frame: number; enabled: boolean }) => [
    item.frame,
    item.enabled,
  ])
  t.same(keyframes, [
    [1, true],
    [2, false],
    [5, false],
  ])
  t.match(region.value.sequence[0], {
    x: (1 / 9) * 100,
    y: (1 / 7) * 100,
    width: (4 / 9) * 100,
    time: 0.1,
  })
})

/** A task as Label Studio exports it. */
const task = (sequence: object[], change: object = {}) => ({
  data: { video: '/data/upload/1/street.mp4' },
  annotations: [
    { was_cancelled: true, result: [] },
    {
      result: [
        { type: 'choices', value: {} },
        {
          id: 'RRxnu061g3',
          type: 'videorectangle',
          original_width: 10,
          original_height: 10,
          value: { framesCount: 6, labels: ['car'], sequence },
          ...change,
        },
      ],
    },
  ],
  predictions: [{ result: [] }],
})

const key = (frame: number, x: number, enabled: boolean) => ({
  ...{ frame, x, y: 0, width: 20, height: 10 },
  ...{ rotation: 0, enabled },
})

t.test('boxes between keyframes of Label Studio are interpolated', async t => {
  const lefts = (sequence: object[]) => {
    const [read] = readLabelStudio([task(sequence)], 'tasks.json')
    t.match(read, { name: 'street', objects: [{ objectId: 1, label: 'car' }] })
    return read!.frames.map(({ frameIndex, masks }) => [
      frameIndex,
      decodeRle(masks[0]!.rle).indexOf(1),
    ])
  }
  t.same(lefts([key(3, 40, false), key(1, 0, true)]), [
    [0, 0],
    [1, 2],
    [2, 4],
  ])
  t.same(lefts([key(2, 10, false), key(4, 50, true)]), [
    [1, 1],
    [3, 5],
    [4, 5],
    [5, 5],
  ])
})

t.test('Label Studio files that are wrong name the file and the place', async t => {
  const wrong = (value: unknown, message: RegExp) =>
    t.throws(() => readLabelStudio(value, 'tasks.json'), { code: 'DATASET_INVALID', message })
  wrong({}, /tasks\.json: .*expected a list/)
  wrong([{ data: {} }], /0\.data\.video: expected a text/)
  wrong([{ data: { video: 'a.mp4' } }], /at least one video box/)
  wrong([task([{ ...key(1, 0, true), rotation: 5 }])], /rotation: expected boxes without rotation/)
  wrong([task([key(0, 0, true)])], /frame: expected a whole number in 1\.\.1000000, got 0/)
  wrong([task([], { original_width: 0 })], /original_width/)
})

t.test('every format is written and recognised by its file', async t => {
  const folder = t.testdir()
  for (const format of LABEL_FORMATS) {
    const path = await writeLabels(folder, [clip], format)
    if (format === 'youtube-vos') continue
    const file = format === 'cvat' ? join(path, 'a clip.xml') : path
    const [read] = await readLabelFile(file)
    t.same(read!.objects, clip.objects, format)
  }
  await writeFile(join(folder, 'labels.txt'), '')
  await t.rejects(readLabelFile(join(folder, 'labels.txt')), { message: /labels\.txt: expected/ })
})
