import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { Mask } from '../../lib/formats/mask.js'
import { decodeLabelPng } from '../../lib/formats/png.js'
import { decodeRle } from '../../lib/formats/rle.js'
import type { TrackFrame, TrackObject } from '../../lib/formats/track-frame.js'
import { readLabelFolder } from '../../lib/labels/folder.js'
import { openSinks, SINKS, type SinkName } from '../../lib/labels/sinks.js'

const [width, height] = [40, 24]

/** A square of 6 pixels, the n-th of a row. */
function square(n: number): Mask {
  const data = new Uint8Array(width * height)
  for (let y = 4; y < 10; y++) data.fill(1, y * width + 2 + 8 * n, y * width + 8 + 8 * n)
  return new Mask(data, width, height)
}

function frame(ids: readonly (number | string)[], rest: Partial<TrackFrame> = {}): TrackFrame {
  const objects: TrackObject[] = ids.map((objectId, n) => ({
    objectId,
    mask: square(n),
    points: [{ x: 3 + 8 * n, y: 5 }],
    score: 0.5,
    visible: true,
    source: 'propagated',
  }))
  const image = { data: new Uint8Array(width * height * 3), width, height }
  return { frameIndex: 0, timeNs: 7n, width, height, image, objects, ...rest }
}

async function write(folder: string, names: readonly SinkName[], frames: readonly TrackFrame[]) {
  const sink = await openSinks(folder, names, { query: 'squares', name: 'row' })
  for (const frame of frames) await sink.write(frame)
  return sink.close()
}

t.test('the named outputs are written, and no others', async t => {
  const folder = join(t.testdir(), 'out')
  const paths = await write(folder, ['rle', 'coco', 'rle'], [frame([1, 2])])
  t.same(paths, { rle: join(folder, 'masks.json'), coco: join(folder, 'coco.json') })
  t.same(readdirSync(folder).sort(), ['coco.json', 'masks.json'])
  const { query, frames } = JSON.parse(readFileSync(paths.rle!, 'utf8'))
  t.equal(query, 'squares')
  const union = square(0).data.map((value, i) => value | square(1).data[i]!)
  t.same(decodeRle(frames[0].mask), union, 'without a mask of its own the frame has the union')
  t.same(decodeRle(frames[0].objects[1].segmentation), square(1).data)
  const { videos, categories, annotations } = JSON.parse(readFileSync(paths.coco!, 'utf8'))
  t.match([videos[0].name, categories[0].name, annotations.length], ['row', 'squares', 2])
})

t.test('every output takes frames and completes without any', async t => {
  const folder = t.testdir()
  const all = await write(join(folder, 'all'), SINKS, [frame([1, 2], { agreement: 0.5 })])
  t.same(readdirSync(join(folder, 'all')).sort(), [
    ...['coco.json', 'cvat', 'label-studio.json', 'masks', 'masks.json', 'overlay.mp4'],
    ...['points.jsonl', 'review.csv', 'review.json', 'youtube-vos'],
  ])
  t.same(Object.keys(all).sort(), [...SINKS, 'reviewTable'].sort())
  const none = await write(join(folder, 'none'), ['points', 'masks', 'rle', 'overlay'], [])
  t.same(JSON.parse(readFileSync(none.rle!, 'utf8')), { query: 'squares', frames: [] })
  t.equal(readFileSync(none.points!, 'utf8'), '')
})

t.test('first estimates are not written', async t => {
  const folder = t.testdir()
  const early = frame([1], { final: false })
  const { points } = await write(folder, ['points', 'coco', 'masks'], [early, frame([1, 2])])
  t.equal(readFileSync(points!, 'utf8').trim().split('\n').length, 2)
})

t.test('object numbers come back from masks, however large', async t => {
  const folder = t.testdir()
  const numbers = [[1, 2, 254], [1, 255, 256], [255], [65535, 3]]
  const frames = numbers.map((ids, frameIndex) => frame(ids, { frameIndex }))
  const { masks } = await write(folder, ['masks'], frames)
  const kinds = numbers.map(
    async (_, i) => (await sharp(join(masks!, `0000${i}.png`)).metadata()).depth,
  )
  t.same(await Promise.all(kinds), ['uchar', 'ushort', 'ushort', 'ushort'])
  t.ok(decodeLabelPng(readFileSync(join(masks!, '00000.png'))).indexed)
  const values = await sharp(join(masks!, '00003.png'))
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer()
  t.equal(
    new Uint16Array(values.buffer, values.byteOffset)[5 * width + 3],
    65535,
    'as others read it',
  )
  const clip = await readLabelFolder(masks!)
  for (const [i, { masks }] of clip.frames.entries()) {
    const ids = numbers[i]!
    t.same(
      masks.map(({ objectId }) => objectId),
      ids.toSorted((a, b) => a - b),
    )
    for (const { objectId, rle } of masks) {
      t.same(decodeRle(rle), square(ids.indexOf(objectId)).data, `object ${objectId}`)
    }
  }
  await t.rejects(write(folder, ['masks'], [frame([65536])]), {
    code: 'INVALID_ARGUMENT',
    message: /1\.\.65535, got 65536/,
  })
})

t.test('names of objects are kept or refused, never numbered in silence', async t => {
  const folder = t.testdir()
  const { points } = await write(folder, ['points', 'rle'], [frame(['dog'])])
  t.match(JSON.parse(readFileSync(points!, 'utf8')), { objectId: 'dog', tNs: 7 })
  for (const name of ['masks', 'overlay', 'coco'] as const) {
    await t.rejects(write(folder, [name], [frame(['dog'])]), {
      code: 'INVALID_ARGUMENT',
      message: /whole numbers from 1, got "dog"/,
    })
  }
  await t.rejects(openSinks(folder, ['png' as SinkName]), {
    code: 'INVALID_ARGUMENT',
    message: /points, masks, .* got "png"/,
  })
})
