import t from 'tap'
import type { PictureSegmenter } from '../../lib/annotate/choose.js'
import { type AnnotatedFrame, annotateClip } from '../../lib/annotate/clip.js'
import { toConversations } from '../../lib/annotate/conversations.js'
import type { AnnotateOptions } from '../../lib/annotate/options.js'
import { annotatedLines } from '../../lib/annotate/writer.js'
import { Mask } from '../../lib/formats/mask.js'
import type { LabelledClip } from '../../lib/labels/labels.js'
import { drawClip, truth, twoBoxes } from '../support/scene.js'

const scene = twoBoxes(9)
const { width, height } = scene

/** Sees the objects of the frame that was encoded last. */
function seeing(): PictureSegmenter & { encoded: number } {
  const segmenter = {
    encoded: 0,
    encode: async () => {
      segmenter.encoded++
      return { width, height, features: undefined as never, dispose: () => {} }
    },
    segment: async (_: unknown, prompts: unknown) =>
      (prompts as { points: [[number, number]] }[]).map(({ points: [[x, y]] }) => {
        const all = scene.objects.flatMap(object =>
          Array.from({ length: scene.frames }, (_, frame) => truth(scene, object, frame)),
        )
        const hit = all.find(mask => mask[y * width + x])!
        return { masks: [new Mask(hit, width, height)], scores: [0.5], lowResLogits: [] }
      }),
  }
  return segmenter as PictureSegmenter & { encoded: number }
}

/** Labels of the frames 0, 2, 4, .. of the scene; the second box is gone from frame 4 on. */
function labels(change: Partial<LabelledClip> = {}): LabelledClip {
  const frames = [0, 2, 4, 6, 8].map(frameIndex => ({
    frameIndex,
    masks: scene.objects
      .map((object, o) => {
        const mask = new Mask(truth(scene, object, frameIndex), width, height)
        return { objectId: o + 1, rle: mask.toRLE() }
      })
      .filter(({ objectId }) => objectId === 1 || frameIndex < 4),
  }))
  const objects = [
    { objectId: 1, label: 'Red box' },
    { objectId: 2, label: 'Blue box' },
  ]
  const clip = { name: 'scene', width, height, frameCount: 9, fileNames: null, objects, frames }
  return { ...clip, ...change }
}

async function annotate(clip = labels(), options: AnnotateOptions = {}) {
  const segmenter = seeing()
  const frames: AnnotatedFrame[] = []
  for await (const frame of annotateClip(segmenter, drawClip(scene), clip, options)) {
    frames.push(frame)
  }
  return { frames, segmenter }
}

t.test('every labelled frame gets a point per object, one encoding each', async t => {
  const progress: unknown[] = []
  const { frames, segmenter } = await annotate(labels(), { onProgress: p => progress.push(p) })
  t.same(
    frames.map(({ frameIndex, objects }) => [frameIndex, objects.map(({ label }) => label)]),
    [
      [0, ['Red box', 'Blue box']],
      [2, ['Red box', 'Blue box']],
      [4, ['Red box']],
      [6, ['Red box']],
      [8, ['Red box']],
    ],
  )
  t.equal(segmenter.encoded, 5)
  t.same(progress.at(-1), { framesDone: 5, frameCount: 5 })
  for (const { frameIndex, objects } of frames) {
    for (const { objectId, mask, chosen } of objects) {
      t.same(mask.data, truth(scene, scene.objects[objectId - 1]!, frameIndex))
      t.equal(mask.data[chosen!.y * width + chosen!.x], 1)
    }
  }
})

t.test('leaving frames out does not change the others', async t => {
  const all = await annotate()
  const some = await annotate(labels(), { every: 4 })
  t.same(
    some.frames.map(({ frameIndex }) => frameIndex),
    [0, 4, 8],
  )
  const of = (frames: AnnotatedFrame[]) => frames.filter(frame => frame.frameIndex % 4 === 0)
  t.same(some.frames.map(annotatedLines), of(all.frames).map(annotatedLines))
})

t.test('labels that do not fit the clip are named', async t => {
  const bad = { code: 'INVALID_ARGUMENT' }
  await t.rejects(annotate(labels({ width: 32 })), { ...bad, message: /32x48.* 64x48/ })
  const beyond = { frameIndex: 9, masks: [] }
  await t.rejects(annotate(labels({ frames: [beyond] })), { ...bad, message: /frame 9 .* ends/ })
  await t.rejects(annotate(labels(), { every: 0 }), { ...bad, message: /every .* got 0/ })
  const signal = AbortSignal.abort()
  await t.rejects(annotate(labels(), { signal }), { code: 'ABORTED' })
})

const chosen = (x: number, y: number) => {
  const mask = new Mask(new Uint8Array(width * height), width, height)
  return { x, y, iou: 0.5, score: 0.75, mask, candidates: [{ x, y, iou: 0.5, score: 0.75 }] }
}

/** A frame with two dogs, a cat and a bird that is not there. */
const zoo: AnnotatedFrame = {
  clip: 'zoo',
  frameIndex: 5,
  timeNs: 200_000_000_000_000_001n,
  width,
  height,
  image: { data: new Uint8Array(width * height * 3), width, height },
  objects: [
    ['Dog', chosen(32, 24)],
    ['cat & "kit"', chosen(63, 47)],
    ['Dog', chosen(7, 36)],
    ['bird', null],
  ].map(([label, point], o) => ({
    objectId: o + 1,
    label: label as string,
    mask: chosen(0, 0).mask,
    chosen: point as ReturnType<typeof chosen> | null,
    points: [],
    score: 0.75,
    visible: true,
    source: 'point',
  })),
}

t.test('conversations speak as Molmo does', async t => {
  const pictures = Array.from({ length: 9 }, (_, i) => `zoo/${i}.jpg`)
  const given = toConversations(zoo, { pictures })
  t.same(given, [
    {
      clip: 'zoo',
      frame: 5,
      image: 'zoo/5.jpg',
      previous: ['zoo/4.jpg', 'zoo/3.jpg', 'zoo/2.jpg', 'zoo/1.jpg'],
      messages: [
        { role: 'user', content: 'Point to Dog' },
        {
          role: 'assistant',
          content: '<points x1="10.9" y1="75.0" x2="50.0" y2="50.0" alt="dog">dog</points>',
        },
      ],
    },
    {
      clip: 'zoo',
      frame: 5,
      image: 'zoo/5.jpg',
      previous: ['zoo/4.jpg', 'zoo/3.jpg', 'zoo/2.jpg', 'zoo/1.jpg'],
      messages: [
        { role: 'user', content: 'Point to cat & "kit"' },
        {
          role: 'assistant',
          content:
            '<point x="98.4" y="97.9" alt="cat &amp; &quot;kit&quot;">cat &amp; &quot;kit&quot;</point>',
        },
      ],
    },
  ])
  const [asked] = toConversations(zoo, { prompt: 'Where is {label}?' })
  t.match(asked, { image: null, previous: [], messages: [{ content: 'Where is Dog?' }, {}] })
  const nameless = { ...zoo, objects: [{ ...zoo.objects[0]!, label: null }] }
  t.throws(() => toConversations(nameless), { code: 'INVALID_ARGUMENT', message: /zoo: object 1/ })
})

t.test('points are lines of JSON with exact times', async t => {
  const lines = annotatedLines(zoo).trim().split('\n')
  t.equal(lines.length, 3)
  t.match(lines[0], /"tNs":200000000000000001,/)
  t.match(JSON.parse(lines[2]!), {
    clip: 'zoo',
    frame: 5,
    objectId: 3,
    label: 'Dog',
    x: 7,
    y: 36,
    iou: 0.5,
    score: 0.75,
    candidates: [{ x: 7, y: 36, iou: 0.5, score: 0.75 }],
  })
})
