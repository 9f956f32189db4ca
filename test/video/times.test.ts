import { join } from 'node:path'
import t from 'tap'
import { Clock } from '../../lib/video/clock.js'
import { VideoWriter } from '../../lib/video/writer.js'
import { fixturePath } from '../support/fixtures.js'
import { milliseconds, readClip } from '../support/frames.js'

const MS = 1_000_000n
const thousandths = { num: 1, den: 1000 }

/** Times in milliseconds for stamps in milliseconds. */
function times(stamps: readonly (bigint | null)[], duration = 0n, rate: number | null = 25) {
  const clock = new Clock(thousandths, rate)
  return stamps.map(stamp => Number(clock.next(stamp, duration) / MS))
}

t.test('times are those of the stream, from 0', async t => {
  t.same(times([500n, 540n, 600n, 1600n]), [0, 40, 100, 1100])
  t.same(times([-80n, -40n, 0n]), [0, 40, 80])
})

t.test('what has no time comes one frame after the one before', async t => {
  t.same(times([null, null, null]), [0, 40, 80], 'by the rate')
  t.same(times([null, null], 33n), [0, 33], 'by the duration, which is of the frame itself')
  t.same(times([null, null], 0n, null), [0, 33], '30 a second where nothing is said')
  t.same(times([null, 7000n, 7040n]), [0, 40, 80], 'a stamp that comes late says how it goes on')
  t.same(times([0n, 40n, null, 120n]), [0, 40, 80, 120])
})

t.test('times rise where stamps do not', async t => {
  t.same(times([0n, 40n, 40n, 120n]), [0, 40, 80, 120], 'a repeated stamp')
  t.same(times([0n, 40n, 20n, 120n]), [0, 40, 80, 120], 'a step back')
  const again = [9000n, 9040n, 9100n]
  t.same(times([5000n, 9960n, ...again, 9960n]), [0, 4960, 5000, 5040, 5080, 5120])
  t.same(times([5000n, 9960n, 0n, 50n, 70n]), [0, 4960, 5000, 5050, 5070], 'it starts over')
})

t.test('files without times, with some, and with uneven ones', async t => {
  const steady = Array.from({ length: 24 }, (_, i) => Math.round((i * 1000) / 30))
  for (const name of ['no-times.h264', 'b-frames.avi']) {
    const { frames, error } = await readClip(fixturePath(`video/${name}`))
    t.equal(error, null)
    t.same(milliseconds(frames), steady, name)
  }
  const { frames } = await readClip(fixturePath('video/variable-rate.mkv'))
  const uneven = [0, 33, 66, 1066, 1100, 1133, 1166, 3166, 3200, 3233, 3266, 3300]
  t.same(milliseconds(frames), uneven)

  const path = join(t.testdir(), 'again.mp4')
  const { width, height } = frames[0]!
  const writer = await VideoWriter.open(path, width, height, 30)
  // A clip may begin at any time; its video begins with its first frame.
  for (const frame of frames) await writer.write(frame, frame.timeNs + 1_700_000_000_000_000_000n)
  await writer.close()
  t.same(milliseconds((await readClip(path)).frames), uneven, 'a writer keeps them')
})

t.test('a writer moves times on that do not rise', async t => {
  const path = join(t.testdir(), 'still.mp4')
  const image = { data: new Uint8Array(16 * 16 * 3), width: 16, height: 16 }
  const writer = await VideoWriter.open(path, 16, 16, 30)
  for (const time of [0n, 0n, 40n * MS]) await writer.write(image, time)
  await writer.close()
  const { frames } = await readClip(path)
  t.equal(frames.length, 3)
  t.ok(frames[1]!.timeNs > 0n && frames[1]!.timeNs < MS)
  t.same(milliseconds(frames), [0, 0, 40])
})
