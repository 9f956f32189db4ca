import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import * as evaluate from '../../lib/evaluate.js'
import { downloadModel, fuseMasks, Mask, Pointer, Segmenter, VideoMolmo } from '../../lib/index.js'
import {
  annotateClip,
  choosePoints,
  LabelCollector,
  type LabelledClip,
  rleIou,
  toConversations,
  toLabelStudio,
  writeLabels,
} from '../../lib/labels.js'
import { putDrawn } from '../support/datasets.js'
import { drawClip, twoBoxes } from '../support/scene.js'

type Options = Record<string, unknown>

/** A public call: its options, and how it is made with them. */
interface Call {
  name: string
  options: readonly string[]
  call: (options: never) => unknown
}

const clip = drawClip(twoBoxes(3))
const { width, height } = clip[0]!
const mask = new Mask(new Uint8Array(width * height).fill(1, 0, 40), width, height)
const labels: LabelledClip = {
  name: 'clip',
  width,
  height,
  frameCount: 3,
  fileNames: null,
  objects: [{ objectId: 1, label: 'box' }],
  frames: [{ frameIndex: 0, masks: [{ objectId: 1, rle: mask.toRLE() }] }],
}
const map = { data: mask.data, width, height }
const load = ['device', 'dtype', 'threads', 'memoryBudget', 'mmap', 'onProgress', 'signal']
const pointerLoad = [...load, 'groupSize', 'tokenizer']
const encode = ['exifOrientation', 'signal']
const point = [
  ...encode,
  'keyframeEvery',
  'contextFrames',
  'blackContext',
  'maxNewTokens',
  'keyframeBatch',
  'draft',
  'maxFrames',
  'onProgress',
]
const ground = [...point, 'tau', 'fusion']

/** Puts a model into a cache under the folder and gives its id; nothing is asked of a network for it. */
function cachedModel(folder: string): string {
  const commit = 'c0de'.repeat(10)
  const snapshot = join(folder, 'cache/models--owner--name/snapshots', commit)
  mkdirSync(snapshot, { recursive: true })
  writeFileSync(join(snapshot, 'model.safetensors'), '')
  process.env.HF_HUB_CACHE = join(folder, 'cache')
  return `owner/name@${commit}`
}

/** Makes the call and waits for its end. */
async function done(result: unknown): Promise<void> {
  const value = (await result) as Partial<AsyncDisposable & Disposable & AsyncIterable<unknown>>
  if (value?.[Symbol.asyncIterator] && !value[Symbol.dispose]) {
    for await (const _ of value as AsyncIterable<unknown>);
  }
  value?.[Symbol.dispose]?.()
  await value?.[Symbol.asyncDispose]?.()
}

t.test('every public call refuses an option that it does not know', async t => {
  const vm = await VideoMolmo.load()
  const { pointer, segmenter } = vm
  const video = await segmenter.openVideo(clip)
  t.teardown(() => {
    video.dispose()
    return vm.dispose()
  })
  const folder = t.testdir()
  await putDrawn(join(folder, 'set', 'a'))
  const clickPlan = { points: 2, negative: false }
  const propagate = ['startFrame', 'maxFrames', 'direction', 'signal']
  const annotated = { clip: 'clip', frameIndex: 0, timeNs: 0n, width, height, objects: [] }
  const calls: Call[] = [
    {
      name: 'VideoMolmo.load',
      options: [...pointerLoad, 'pointer', 'segmenter', 'tracking'],
      call: o => VideoMolmo.load(o),
    },
    { name: 'Pointer.load', options: pointerLoad, call: o => Pointer.load(undefined, o) },
    { name: 'Segmenter.load', options: load, call: o => Segmenter.load(undefined, o) },
    {
      name: 'downloadModel',
      options: ['onProgress', 'signal'],
      call: o => downloadModel(cachedModel(folder), o),
    },
    { name: 'ground', options: ground, call: o => vm.ground(clip, 'the red box', o) },
    { name: 'point', options: point, call: o => vm.point(clip, 'the red box', o) },
    { name: 'point', options: point, call: o => pointer.point(clip, 'the red box', o) },
    { name: 'count', options: [...point, 'rule'], call: o => vm.count(clip, 'the red box', o) },
    {
      name: 'openSession',
      options: [...ground, 'mode', 'queueSize'],
      call: o => vm.openSession('the red box', o),
    },
    { name: 'encode', options: encode, call: o => segmenter.encode(clip[0]!, o) },
    {
      name: 'segment',
      options: [...encode, 'multimask', 'maskThreshold'],
      call: o => segmenter.segment(clip[0]!, { points: [[5, 5]] }, o),
    },
    {
      name: 'prompt 0',
      options: ['labels', 'box', 'maskInput'],
      call: (o: Options) => segmenter.segment(clip[0]!, { points: [[5, 5]], ...o }),
    },
    {
      name: 'tracking',
      options: [],
      call: (o: Options) => segmenter.tracking('memory', { ...clickPlan, ...o }),
    },
    {
      name: 'openVideo',
      options: ['exifOrientation', 'fillHoleArea', 'nonOverlapMasks', 'keepCorrections'],
      call: o => segmenter.openVideo(clip, o),
    },
    {
      name: 'addPoints',
      options: ['clearOldPoints', 'signal'],
      call: async o => void (await video.addPoints(0, 1, [[5, 5]], undefined, o)),
    },
    {
      name: 'addBox',
      options: ['signal'],
      call: async o => void (await video.addBox(0, 1, [1, 1, 9, 9], o)),
    },
    {
      name: 'addMask',
      options: ['signal'],
      call: async o => void (await video.addMask(0, 1, map, o)),
    },
    { name: 'propagate', options: propagate, call: o => video.propagate(o) },
    {
      name: 'removeObject',
      options: ['strict'],
      call: async o => void (await video.removeObject(7, o)),
    },
    { name: 'fuseMasks', options: ['tau', 'strategy'], call: o => void fuseMasks(mask, mask, o) },
    {
      name: 'choosePoints',
      options: ['candidates', 'seed', 'signal'],
      call: async o => void (await choosePoints(segmenter, clip[0]!, [mask], o)),
    },
    {
      name: 'annotateClip',
      options: ['candidates', 'seed', 'signal', 'every', 'onProgress'],
      call: o => annotateClip(segmenter, clip, labels, o),
    },
    {
      name: 'toConversations',
      options: ['prompt', 'pictures'],
      call: o => void toConversations(annotated, o),
    },
    {
      name: 'LabelCollector',
      options: ['label', 'fileNames'],
      call: o => void new LabelCollector('clip', o),
    },
    {
      name: 'toLabelStudio',
      options: ['videoOf', 'frameRate'],
      call: o => void toLabelStudio([labels], o),
    },
    {
      name: 'writeLabels',
      options: ['videoOf', 'frameRate'],
      call: async o => void (await writeLabels(folder, [labels], 'coco', o)),
    },
    {
      name: 'openDataset',
      options: ['split', 'protocol', 'problems'],
      call: async o => void (await evaluate.openDataset('drawn', join(folder, 'set'), o)),
    },
    { name: 'rleIou', options: ['crowd'], call: o => void rleIou(mask.toRLE(), mask.toRLE(), o) },
    {
      name: 'scoreMasks',
      options: ['ignored', 'bound'],
      call: o => void evaluate.scoreMasks(map, map, o),
    },
    {
      name: 'scoreSemiSupervised',
      options: ['bound'],
      call: o => void evaluate.scoreSemiSupervised([map], [map], o),
    },
    {
      name: 'scoreUnsupervised',
      options: ['bound', 'maxProposals'],
      call: o => void evaluate.scoreUnsupervised([map], [map], o),
    },
    {
      name: 'scoreCounts',
      options: ['unreadableAs'],
      call: o => void evaluate.scoreCounts([1], [1], o),
    },
  ]
  const make = async (call: Call['call'], options: Options) => done(call(options as never))
  for (const { name, options, call } of calls) {
    for (const option of options) {
      // The last letter twice: one step away, and no option's name.
      await t.rejects(make(call, { [option + option.at(-1)]: 1 }), {
        code: 'INVALID_ARGUMENT',
        message: `${name}: there is no option "${option}${option.at(-1)}"; did you mean "${option}"?`,
      })
    }
    await t.rejects(make(call, { zzzzzz: 1 }), {
      code: 'INVALID_ARGUMENT',
      message: new RegExp(`^${name}: there is no option "zzzzzz"; expected one of `),
    })
    const absent = Object.fromEntries(options.map(option => [option, undefined]))
    await t.resolves(make(call, absent), `${name}: undefined is absent`)
  }
})

t.test('the names of a VPoS-Bench copy', async t => {
  const root = t.testdir()
  mkdirSync(join(root, 'x'))
  writeFileSync(join(root, 'vpos.json'), JSON.stringify({ frame: 'pictures' }))
  await t.rejects(evaluate.openDataset('vpos-bench', root), {
    code: 'INVALID_ARGUMENT',
    message: `${join(root, 'vpos.json')}: there is no option "frame"; did you mean "frames"?`,
  })
})
