import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import type { Frame, FrameSource } from '../../lib/video/frame.js'
import { orient, readDisplayMatrix } from '../../lib/video/orientation.js'
import type { RgbImage } from '../../lib/video/pixels.js'
import { openClip } from '../../lib/video/source.js'
import { VideoWriter } from '../../lib/video/writer.js'

async function readAll(source: FrameSource): Promise<Frame[]> {
  const frames: Frame[] = []
  for await (const frame of source) frames.push(frame)
  return frames
}

/** A picture whose pixels are all different: two rows of three. */
const small: RgbImage = {
  data: Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap(value => [value, 0, 100 + value])),
  width: 3,
  height: 2,
}

/** Red values row by row. */
const rows = ({ data, width, height }: RgbImage) =>
  Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => data[3 * (y * width + x)]),
  )

function matrix(a: number, b: number, c: number, d: number): Buffer {
  const bytes = Buffer.alloc(36)
  const at = new Map([
    [0, a],
    [1, b],
    [3, c],
    [4, d],
  ])
  for (const [i, value] of at) bytes.writeInt32LE(value * 65536, 4 * i)
  bytes.writeInt32LE(1 << 30, 32)
  return bytes
}

t.test('the eight ways to turn and mirror a picture', async t => {
  const cases: [[number, number, number, number], number[][]][] = [
    [
      [-1, 0, 0, 1],
      [
        [3, 2, 1],
        [6, 5, 4],
      ],
    ],
    [
      [1, 0, 0, -1],
      [
        [4, 5, 6],
        [1, 2, 3],
      ],
    ],
    [
      [-1, 0, 0, -1],
      [
        [6, 5, 4],
        [3, 2, 1],
      ],
    ],
    [
      [0, 1, -1, 0],
      [
        [4, 1],
        [5, 2],
        [6, 3],
      ],
    ],
    [
      [0, -1, 1, 0],
      [
        [3, 6],
        [2, 5],
        [1, 4],
      ],
    ],
    [
      [0, 1, 1, 0],
      [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
    ],
    [
      [0, -1, -1, 0],
      [
        [6, 3],
        [5, 2],
        [4, 1],
      ],
    ],
  ]
  for (const [entries, expected] of cases) {
    const shown = orient(small, readDisplayMatrix(matrix(...entries))!)
    t.same(rows(shown), expected, entries.join(' '))
    t.equal(shown.data[2], 100 + expected[0]![0]!, 'channels stay together')
  }
  t.equal(readDisplayMatrix(matrix(1, 0, 0, 1)), null)
  t.equal(readDisplayMatrix(matrix(0.7, 0.7, -0.7, 0.7)), null, 'slanted')
  t.equal(readDisplayMatrix(matrix(2, 0, 0, 2)), null, 'scaled')
  t.equal(readDisplayMatrix(Buffer.alloc(8)), null)
})

/** Red on the left, black on the right; 32 x 16. */
const half: RgbImage = {
  data: Uint8Array.from({ length: 32 * 16 * 3 }, (_, at) =>
    at % 3 === 0 && (at / 3) % 32 < 16 ? 230 : 0,
  ),
  width: 32,
  height: 16,
}

/** Whether the middle of each quarter is red: top left, top right, bottom left, bottom right. */
function quarters({ data, width, height }: RgbImage): number[] {
  const middles = [
    [1, 1],
    [3, 1],
    [1, 3],
    [3, 3],
  ]
  return middles.map(([x, y]) => {
    const at = Math.floor((y! * height) / 4) * width + Math.floor((x! * width) / 4)
    return +(data[3 * at]! > 128)
  })
}

t.test('a video is turned as its container says', async t => {
  const path = join(t.testdir(), 'phone.mp4')
  const writer = await VideoWriter.open(path, 32, 16, 10)
  for (let i = 0; i < 3; i++) await writer.write(half)
  await writer.close()
  const [upright] = await readAll(await openClip(path))
  t.same([upright!.width, upright!.height, quarters(upright!)], [32, 16, [1, 0, 1, 0]])
  // The track header's matrix, big-endian, is what phones write to say how they were held.
  const bytes = await readFile(path)
  const identity = bytes.indexOf('tkhd') + 44
  for (const [i, value] of [0, 65536, 0, -65536, 0, 0].entries()) {
    bytes.writeInt32BE(value, identity + 4 * i)
  }
  await writeFile(path, bytes)
  const frames = await readAll(await openClip(path))
  t.equal(frames.length, 3)
  for (const frame of frames) {
    t.same([frame.width, frame.height], [16, 32])
    t.same(quarters(frame), [1, 1, 0, 0], 'a quarter turn clockwise: left becomes top')
  }
})

t.test('pictures are turned by their EXIF mark only when asked', async t => {
  const path = join(t.testdir(), 'photo.jpg')
  const raw = { width: 32, height: 16, channels: 3 } as const
  await sharp(half.data, { raw }).withMetadata({ orientation: 6 }).jpeg().toFile(path)
  const [stored] = await readAll(await openClip(path))
  t.same([stored!.width, stored!.height, quarters(stored!)], [32, 16, [1, 0, 1, 0]])
  for (const source of [path, t.testdirName]) {
    const [shown] = await readAll(await openClip(source, { exifOrientation: true }))
    t.same([shown!.width, shown!.height, quarters(shown!)], [16, 32, [1, 1, 0, 0]])
  }
})
