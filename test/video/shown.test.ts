import { join } from 'node:path'
import t from 'tap'
import { orient } from '../../lib/video/orientation.js'
import type { RgbImage } from '../../lib/video/pixels.js'
import { VideoWriter } from '../../lib/video/writer.js'
import { fixturePath } from '../support/fixtures.js'
import { readClip } from '../support/frames.js'

/** Middle of the red pixels. */
function middleOfRed({ data, width, height }: RgbImage): [x: number, y: number] {
  let [sumX, sumY, count] = [0, 0, 0]
  for (let at = 0; at < width * height; at++) {
    const [red, green, blue] = data.subarray(3 * at)
    if (red! < 170 || green! > 90 || blue! > 90) continue
    sumX += at % width
    sumY += Math.floor(at / width)
    count++
  }
  return [sumX / count, sumY / count]
}

t.test('a video is turned as its stream says where the container does not', async t => {
  const { frames } = await readClip(fixturePath('video/turned-in-stream.mkv'))
  t.equal(frames.length, 8)
  const [first] = frames
  t.same([first!.width, first!.height], [96, 160])
  const [x, y] = middleOfRed(first!)
  t.ok(Math.abs(x - 24.5) < 1 && Math.abs(y - 134.5) < 1, `${x}, ${y}`)
  for (const frame of frames) t.same([frame.width, frame.height], [96, 160])
})

t.test('pixels that are not square are told and written again', async t => {
  const { frames } = await readClip(fixturePath('video/wide-pixels.mp4'))
  t.equal(frames.length, 8)
  for (const frame of frames) {
    t.same([frame.width, frame.height], [144, 112], 'the stored pixels count')
    t.equal(frame.pixelAspect, 16 / 11)
  }
  const path = join(t.testdir(), 'again.mp4')
  for (const pixelAspect of [16 / 11, 1, 0.75, 1.2345]) {
    const writer = await VideoWriter.open(path, 144, 112, 30, pixelAspect)
    await writer.write(frames[0]!)
    await writer.close()
    const [again] = (await readClip(path)).frames
    t.ok(Math.abs(again!.pixelAspect! - pixelAspect) < 1e-4, `${again!.pixelAspect}`)
  }
})

t.test('a quarter turn turns the pixels too', async t => {
  const image = { data: new Uint8Array(6), width: 2, height: 1, pixelAspect: 1.5 }
  t.equal(orient(image, { a: 0, b: 1, c: -1, d: 0 }).pixelAspect, 1 / 1.5)
  t.equal(orient(image, { a: -1, b: 0, c: 0, d: 1 }).pixelAspect, 1.5)
  const { pixelAspect: _, ...square } = image
  t.equal(orient(square, { a: 0, b: 1, c: -1, d: 0 }).pixelAspect, 1)
})
