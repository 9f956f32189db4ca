import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { run } from '../support/cli.js'
import { fixturePath } from '../support/fixtures.js'
import { milliseconds, readClip } from '../support/frames.js'

const clip = (name: string) => fixturePath(`video/${name}`)
const lines = (text: string) => text.split('\n').filter(Boolean)

t.test('what is damaged is passed over and told in one line', async t => {
  const { code, stdout, stderr } = await run(
    'point',
    clip('cut-off.mp4'),
    'x',
    '-k',
    '15',
    '--json',
  )
  t.equal(code, 0, stderr)
  t.same(
    lines(stdout).map(line => JSON.parse(line).frame),
    [0, 15, 30, 45],
  )
  t.match(stderr, /^warning: \S*cut-off\.mp4: .*the video is cut off.*60 frames were read\n$/)

  const failed = ['--on-decode-error', 'fail']
  const strict = await run('point', clip('cut-off.mp4'), 'x', '-k', '15', '--json', ...failed)
  t.equal(strict.code, 1)
  t.equal(lines(strict.stdout).length, 4, 'the frames before come all the same')
  t.match(JSON.parse(strict.stderr), { error: { code: 'DECODE_FAILED' } })
})

t.test('a clip that is read twice is warned of once', async t => {
  const folder = t.testdir()
  const arguments_ = ['-p', '35,55', '--max-frames', '1', '-o', folder, '--json']
  const { code, stderr } = await run('segment', clip('zeroed-end.mp4'), ...arguments_)
  t.equal(code, 0, stderr)
  t.match(stderr, /^warning: [^\n]*5 of 60 packets are damaged[^\n]*\n$/)
})

t.test('pictures of foreign kinds are named', async t => {
  const folder = t.testdir({ 'b.heic': '' })
  const create = { width: 64, height: 48, channels: 3, background: 'red' } as const
  await sharp({ create }).png().toFile(join(folder, 'a.png'))
  const { code, stderr } = await run('point', folder, 'x')
  t.same(
    [code, stderr],
    [0, `warning: ${folder}: passed over, of kinds that cannot be read: b.heic\n`],
  )
})

t.test('outputs keep the times and the shape of the source, wherever they are written', async t => {
  const folder = join(t.testdir(), 'run:1')
  const uneven = clip('variable-rate.mkv')
  const labels = ['--format', 'label-studio', '-o', folder]
  const grounded = await run('ground', uneven, 'the red square', '--json', ...labels)
  t.equal(grounded.code, 0, grounded.stderr)
  const times = milliseconds((await readClip(uneven)).frames)
  t.same(milliseconds((await readClip(join(folder, 'overlay.mp4'))).frames), times)
  const [task] = JSON.parse(readFileSync(join(folder, 'label-studio.json'), 'utf8'))
  const { sequence, duration } = task.predictions[0].result[0].value
  t.same(
    sequence.map(({ frame, time }: { frame: number; time: number }) => [
      frame,
      Math.round(time * 1000),
    ]),
    times.map((time, i) => [i + 1, time]),
  )
  t.ok(Math.abs(duration - 3.333) < 0.001)

  const wide = await run('ground', clip('wide-pixels.mp4'), 'the red square', '-o', folder)
  t.equal(wide.code, 0, wide.stderr)
  const [shown] = (await readClip(join(folder, 'overlay.mp4'))).frames
  t.ok(Math.abs(shown!.pixelAspect! - 16 / 11) < 1e-6)
})
