import { readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { decodeLabelPng } from '../../lib/formats/png.js'
import { encodeRle } from '../../lib/formats/rle.js'
import { parseAnswer } from '../../lib/text/answer.js'
import { openClip } from '../../lib/video/source.js'
import { demoFolder, run } from '../support/cli.js'

const clip = join(demoFolder, 'clip.mp4')
const truth = join(demoFolder, 'truth')
const FRAMES = readdirSync(truth).length

interface PointLine {
  clip: string
  frame: number
  objectId: number
  label: string
  x: number
  y: number
  iou: number
  candidates: { x: number; y: number; iou: number }[]
}

interface ConversationLine {
  clip: string
  frame: number
  image: string | null
  previous: string[]
  messages: { role: string; content: string }[]
}

function readLines<T>(path: string): T[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as T)
}

const truthOf = (frame: number) =>
  decodeLabelPng(readFileSync(join(truth, `${String(frame).padStart(5, '0')}.png`)))

t.test('masks of a video become points and conversations', async t => {
  const folder = join(t.testdir(), 'out')
  const labels = ['--label', 'star', '--label', '3:diamond']
  const args = [truth, '--frames', clip, ...labels, '--candidates', '6', '--every', '3']
  const { code, stdout, stderr } = await run('annotate', ...args, '-o', folder, '--json')
  t.equal(code, 0, stderr)
  const frames = Math.ceil(FRAMES / 3)
  const summary = JSON.parse(stdout)
  t.match(summary, { clips: 1, frames, interrupted: false })
  t.ok(summary.meanIou > 0.85, `mean IoU ${summary.meanIou}`)
  t.same(readdirSync(folder).sort(), ['conversations.jsonl', 'points.jsonl'])
  const points = readLines<PointLine>(summary.outputs.points)
  t.equal(points.length, summary.points)
  for (const { frame, objectId, label, x, y, iou, candidates } of points) {
    t.equal(frame % 3, 0)
    t.equal(label, objectId === 3 ? 'diamond' : 'star')
    t.equal(truthOf(frame).data[y * truthOf(frame).width + x], objectId)
    t.ok(candidates.length <= 6)
    t.equal(iou, Math.max(...candidates.map(candidate => candidate.iou)))
  }
  const conversations = readLines<ConversationLine>(summary.outputs.conversations)
  t.equal(conversations.length, 2 * frames)
  for (const { frame, image, messages } of conversations) {
    t.equal(image, null)
    const label = messages[0]!.content.replace('Point to ', '')
    const { width, height } = truthOf(frame)
    const said = parseAnswer(messages[1]!.content, width, height).points
    const meant = points.filter(point => point.frame === frame && point.label === label)
    t.equal(said.length, meant.length)
    const near = (a: { x: number; y: number }, b: { x: number; y: number }) =>
      Math.abs(a.x - b.x) <= 1 && Math.abs(a.y - b.y) <= 1
    for (const point of meant) t.ok(said.some(one => near(one, point)))
  }
  const again = join(t.testdirName, 'again')
  await run('annotate', ...args, '-o', again)
  t.equal(
    readFileSync(join(again, 'points.jsonl'), 'utf8'),
    readFileSync(summary.outputs.points, 'utf8'),
    'the same seed gives the same points',
  )
})

t.test('several clips, and COCO JSON beside pictures', async t => {
  const root = t.testdir()
  const names = ['one', 'two']
  for (const [i, name] of names.entries()) {
    await mkdir(join(root, 'masks', name), { recursive: true })
    await mkdir(join(root, 'frames', name), { recursive: true })
    for await (const { data, width, height, index } of await openClip(clip)) {
      if (index > 1) break
      const mask = `0000${index}.png`
      await cp(join(truth, mask), join(root, 'masks', name, `${i}-${mask}`))
      const picture = sharp(data, { raw: { width, height, channels: 3 } })
      await picture.png().toFile(join(root, 'frames', name, `${i}-${mask}`))
    }
  }
  const frames = join(root, 'frames')
  const out = join(root, 'out')
  const folders = await run(
    ...['annotate', join(root, 'masks'), '--frames', frames, '--label', 'shape'],
    ...['--candidates', '2', '-o', out],
  )
  t.equal(folders.code, 0, folders.stderr)
  t.match(folders.stdout, /^12 points in 4 frames of 2 clips\nmean IoU .*: 0\.\d{3}\n/)
  const fromFolders = readLines<ConversationLine>(join(out, 'conversations.jsonl'))
  t.match(fromFolders[3], {
    clip: 'two',
    frame: 1,
    image: join(frames, 'two', '1-00001.png'),
    previous: [join(frames, 'two', '1-00000.png')],
  })

  const { data, width, height } = truthOf(0)
  const annotation = {
    id: 1,
    image_id: 1,
    category_id: 1,
    segmentation: encodeRle(
      data.map(label => +(label === 1)),
      width,
      height,
    ),
  }
  const file = join(root, 'coco.json')
  const coco = {
    images: [{ id: 1, width, height, file_name: 'two/1-00000.png' }],
    categories: [{ id: 1, name: 'star' }],
    annotations: [annotation],
  }
  await writeFile(file, JSON.stringify(coco))
  const json = await run('annotate', file, '--frames', frames, '-o', out, '--json')
  t.equal(json.code, 0, json.stderr)
  t.match(JSON.parse(json.stdout), { clips: 1, frames: 1, points: 1 })
  const [said] = readLines<ConversationLine>(join(out, 'conversations.jsonl'))
  t.match(said, { image: join(frames, 'two/1-00000.png'), messages: [{}, { content: /star/ }] })
})

t.test('what ground writes for people who label comes back', async t => {
  const folder = t.testdir()
  const out = join(folder, 'out')
  const formats = ['coco', 'youtube-vos', 'cvat', 'label-studio']
  const args = [
    clip,
    'all cyan stars',
    '--max-frames',
    '4',
    '-k',
    '3',
    '-o',
    out,
    '--json',
    '--review',
  ]
  const [first, ...others] = formats
  const named = ['--format', first!, '--format', others.join(',')]
  const grounded = await run('ground', ...args, ...named)
  t.equal(grounded.code, 0, grounded.stderr)
  const { outputs } = JSON.parse(grounded.stdout)
  t.same(Object.keys(outputs), [
    'points',
    'masks',
    'rle',
    'overlay',
    ...formats,
    'review',
    'reviewTable',
  ])
  const review = JSON.parse(readFileSync(outputs.review, 'utf8'))
  const disputed = review.frames.map(({ frame }: { frame: number }) => frame)
  t.same(disputed.sort(), [1, 2])
  const { frames } = JSON.parse(readFileSync(outputs.rle, 'utf8'))
  const masks: { segmentation: unknown }[] = frames.flatMap(
    (frame: { objects: unknown[] }) => frame.objects,
  )
  t.ok(masks.length > 4)
  const coco = JSON.parse(readFileSync(outputs.coco, 'utf8'))
  t.same(coco.categories, [{ id: 1, name: 'all cyan stars', supercategory: 'object' }])
  t.match(coco.videos, [{ name: 'clip', length: 4 }])
  const written = coco.annotations.flatMap(
    (item: { segmentations: unknown[] }) => item.segmentations,
  )
  const sorted = (list: unknown[]) => list.map(item => JSON.stringify(item)).sort()
  t.same(
    sorted(written.filter((item: unknown) => item !== null)),
    sorted(masks.map(({ segmentation }) => segmentation)),
  )
  const files = { ...outputs, cvat: join(outputs.cvat, 'clip.xml') }
  for (const format of formats) {
    const again = join(folder, format)
    const options = ['--frames', clip, '--candidates', '2', '-o', again, '--json']
    const read = await run('annotate', files[format], ...options, '--format', format)
    t.equal(read.code, 0, `${format}: ${read.stderr}`)
    t.match(JSON.parse(read.stdout), { clips: 1, frames: 4, points: masks.length }, format)
    const [line] = readLines<PointLine>(join(again, 'points.jsonl'))
    t.match(line, { clip: 'clip', frame: 0, label: 'all cyan stars' })
  }
  t.equal(
    readFileSync(join(folder, 'cvat/cvat/clip.xml'), 'utf8'),
    readFileSync(files.cvat, 'utf8'),
    'read and written again, nothing has changed',
  )
  const wrong = await run('ground', clip, 'x', '--format', 'coco,voc')
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /coco, youtube-vos, cvat, label-studio/)
})

t.test('wrong usage and missing files', async t => {
  const unlabelled = await run('annotate', truth, '--frames', clip, '-o', join(t.testdir(), 'out'))
  t.equal(unlabelled.code, 2)
  t.match(unlabelled.stderr, /object 1 has no label/)
  const codes: [string[], number, RegExp][] = [
    [[truth], 2, /--frames/],
    [[truth, '--frames', clip, '--candidates', '0'], 2, /candidates/],
    [[truth, '--frames', clip, '--label', '1:'], 2, /label/],
    [['missing', '--frames', clip], 1, /missing: no such file or folder/],
    [[truth, '--frames', 'missing.mp4', '--label', 'x'], 1, /missing\.mp4: no such file/],
    [[join(demoFolder, 'demo.json'), '--frames', demoFolder], 1, /demo\.json/],
  ]
  for (const [args, code, message] of codes) {
    const finished = await run('annotate', ...args)
    t.equal(finished.code, code, args.join(' '))
    t.match(finished.stderr, message)
  }
})
