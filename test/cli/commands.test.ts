import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { EXIT } from '../../lib/cli/context.js'
import { decodeRle } from '../../lib/formats/rle.js'
import { rleArea } from '../../lib/formats/rle-algebra.js'
import { EMBEDDED } from '../../lib/load/settings.js'
import { demoFolder, run, start } from '../support/cli.js'

const clip = join(demoFolder, 'clip.mp4')

t.test('point and count speak JSON', async t => {
  const pointed = await run('point', clip, 'all shapes', '-k', '8', '--json')
  t.equal(pointed.code, 0, pointed.stderr)
  const lines = pointed.stdout.trim().split('\n')
  const frames = lines.map(line => JSON.parse(line) as { frame: number })
  t.same(
    frames.map(({ frame }) => frame),
    [0, 8],
  )
  t.match(frames[1], { tNs: 800_000_000, points: Array, answer: String })
  const counted = await run('count', clip, 'all shapes', '-k', '8', '--json', '--rule', 'max')
  t.equal(counted.code, 0, counted.stderr)
  const { count, frames: sampled } = JSON.parse(counted.stdout)
  t.equal(count, Math.max(...sampled.map((frame: { count: number }) => frame.count)))
})

t.test('point and count speak to people', async t => {
  const pointed = await run('point', clip, 'all shapes', '--max-frames', '2')
  t.match(pointed.stdout, /^frame 0: .+\nframe 1: .+\n$/)
  const counted = await run('count', clip, 'all shapes', '-k', '8')
  t.match(counted.stdout, /^\d+\n$/)
})

t.test('segment follows clicks in both directions', async t => {
  const folder = join(t.testdir(), 'out')
  const click = ['-p', '1:60,60', '-b', '2:20,20,70,70', '-f', '3', '--max-frames', '2']
  const { code, stdout, stderr } = await run('segment', clip, ...click, '-o', folder, '--json')
  t.equal(code, 0, stderr)
  t.match(JSON.parse(stdout), { frames: 5, interrupted: false })
  t.same(
    readdirSync(join(folder, 'masks')),
    [1, 2, 3, 4, 5].map(i => `0000${i}.png`),
  )
  const { frames } = JSON.parse(readFileSync(join(folder, 'masks.json'), 'utf8'))
  t.same(
    frames[2].objects.map((object: { objectId: number }) => object.objectId),
    [1, 2],
  )
})

t.test('segment writes a point per frame and object, and every format', async t => {
  const folder = join(t.testdir(), 'out')
  for (const frame of ['0', '2']) {
    const prompts = ['-p', '1:60,60', '-p', '1:2,2,0', '-b', '2:20,20,70,70', '-f', frame]
    const more = ['--max-frames', '3', '--format', 'coco,review', '-o', folder]
    const { code, stdout, stderr } = await run('segment', clip, ...prompts, ...more, '--json')
    t.equal(code, 0, stderr)
    t.match(JSON.parse(stdout).outputs, { coco: join(folder, 'coco.json'), review: String })
    const { width, frames } = JSON.parse(readFileSync(join(folder, 'masks.json'), 'utf8'))
    const lines = readFileSync(join(folder, 'points.jsonl'), 'utf8').trim().split('\n')
    const points = lines.map(line => JSON.parse(line))
    const order = points.map(point => point.frame)
    t.same(
      order,
      order.toSorted((a, b) => a - b),
      'in the order of the clip',
    )
    for (const { frame: index, objects } of frames) {
      for (const { objectId, segmentation } of objects) {
        const own = points.filter(point => point.frame === index && point.objectId === objectId)
        const area = rleArea(segmentation)
        t.equal(own.length, area > 0 || index === Number(frame) ? 1 : 0)
        if (own.length === 0 || (objectId === 1 && index === Number(frame))) continue
        t.equal(decodeRle(segmentation)[own[0].y * width + own[0].x], 1, 'inside the mask')
      }
    }
    const clicked = points.filter(({ frame: index }) => index === Number(frame))
    t.match(clicked, [{ objectId: 1, x: 60, y: 60, source: 'point' }, { source: 'point' }])
    t.ok(points.some(({ source }) => source === 'propagated'))
  }
})

t.test('pictures are turned by their EXIF mark when asked', async t => {
  const photo = join(t.testdir(), 'photo.jpg')
  const create = { width: 64, height: 32, channels: 3, background: '#c00000' } as const
  await sharp({ create }).withMetadata({ orientation: 6 }).jpeg().toFile(photo)
  for (const [flags, size] of [
    [[], { width: 64, height: 32 }],
    [['--exif-orientation'], { width: 32, height: 64 }],
  ] as const) {
    const folder = join(t.testdirName, 'out')
    const { code, stderr } = await run('segment', photo, '-p', '10,10', '-o', folder, ...flags)
    t.equal(code, 0, stderr)
    t.match(JSON.parse(readFileSync(join(folder, 'masks.json'), 'utf8')), size)
  }
})

t.test('inspect and doctor', async t => {
  const inspected = await run('inspect', EMBEDDED.pointer, '--json')
  t.equal(inspected.code, 0, inspected.stderr)
  t.match(JSON.parse(inspected.stdout), {
    kind: 'pointer',
    family: 'molmo',
    attributes: { temporalAdapter: true },
    capabilities: { points: true, masks: false, previousFrames: 4 },
    parameters: Number,
    tensors: Array,
  })
  const readable = await run('inspect', EMBEDDED.segmenter)
  t.match(
    readable.stdout,
    /^segmenter: \d+ parameters in \d+ tensors\n {2}family sam2: masks, .*\n {2}stored/,
  )
  const doctor = await run('doctor')
  t.match(doctor.stdout, /drawn shapes/)
  t.match(doctor.stdout, /families\s.*Molmo or VideoMolmo .*tokenizer\.json.*SAM 2/)
  t.match(doctor.stdout, /embedded models/)
  t.match(doctor.stdout, /cuBLASLt\s.*(\d+\.\d+\.\d+|not used)/)
})

t.test('wrong usage ends with 2, failures with 1', async t => {
  const codes: [string[], number][] = [
    [['--help'], 0],
    [['--version'], 0],
    [['nonsense'], 2],
    [['ground', clip], 2],
    [['ground', clip, 'x', '--fusion', 'both'], 2],
    [['ground', clip, 'x', '-k', 'often'], 2],
    [['point', clip, 'x', '-k', '0'], 2],
    [['point', clip, ''], 2],
    [['segment', clip], 2],
    [['segment', clip, '-p', '1,2,3,4'], 2],
    [['bench', 'nonsense'], 2],
    [['point', 'no such file.mp4', 'x'], 1],
    [['inspect', 'no such folder'], 1],
    [['point', clip, 'x', '--pointer', 'no such folder'], 1],
  ]
  for (const [args, expected] of codes) {
    const { code, stderr } = await run(...args)
    t.equal(code, expected, `${args.join(' ')}: ${stderr}`)
  }
})

t.test('a misspelt command or flag is told the right one', async t => {
  const flag = await run('ground', clip, 'x', '--keyframe-evry', '3')
  t.match(flag, { code: 2, stderr: 'Did you mean --keyframe-every?' })
  const command = await run('gruond', clip, 'x')
  t.match(command, { code: 2, stderr: 'Did you mean ground?' })
})

t.test('errors speak JSON too', async t => {
  const { stderr } = await run('point', 'no such file.mp4', 'x', '--json')
  t.match(JSON.parse(stderr), { error: { code: 'DECODE_FAILED', message: /no such file/ } })
})

t.test('a reader that leaves ends the work without a crash', async t => {
  const { child, finished } = start('point', clip, 'all shapes', '-k', '1', '--json')
  child.stdout!.destroy()
  const { code, stderr } = await finished
  t.ok(code === EXIT.done || code === EXIT.interrupted, `exit code ${code}`)
  t.notMatch(stderr, /EPIPE|at .*js:/)
})
