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
  openSinks,
  readCoco,
  readCvat,
  readLabelFile,
  readLabelFolder,
  readLabelStudio,
  readYoutubeVos,
  rleIou,
  toCoco,
  toConversations,
  toCvat,
  toLabelStudio,
  writeLabels,
} from '../../lib/labels.js'
import { memberNames, printSurface, reachable, readEntries } from '../api/surface.js'
import { putDrawn } from '../support/datasets.js'
import { drawClip, twoBoxes } from '../support/scene.js'

type Options = Record<string, unknown>

/** A public call: the type of its options, and how it is made with them. */
interface Call {
  name: string
  type: string
  call: (options: never) => unknown
}

const entries = readEntries()
const declarations = reachable(entries)

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
  await writeLabels(folder, [labels], 'coco')
  await writeLabels(folder, [labels], 'youtube-vos')
  const clickPlan = { points: 2, negative: false }
  const annotated = { clip: 'clip', frameIndex: 0, timeNs: 0n, width, height, objects: [] }
  const calls: Call[] = [
    {
      name: 'VideoMolmo.load',
      type: 'VideoMolmoLoadOptions',
      call: o => VideoMolmo.load(o),
    },
    { name: 'Pointer.load', type: 'PointerLoadOptions', call: o => Pointer.load(undefined, o) },
    { name: 'Segmenter.load', type: 'LoadOptions', call: o => Segmenter.load(undefined, o) },
    {
      name: 'downloadModel',
      type: 'DownloadOptions',
      call: o => downloadModel(cachedModel(folder), o),
    },
    { name: 'ground', type: 'GroundOptions', call: o => vm.ground(clip, 'the red box', o) },
    { name: 'point', type: 'PointOptions', call: o => vm.point(clip, 'the red box', o) },
    { name: 'point', type: 'PointOptions', call: o => pointer.point(clip, 'the red box', o) },
    { name: 'count', type: 'CountOptions', call: o => vm.count(clip, 'the red box', o) },
    {
      name: 'openSession',
      type: 'SessionOptions',
      call: o => vm.openSession('the red box', o),
    },
    { name: 'encode', type: 'EncodeOptions', call: o => segmenter.encode(clip[0]!, o) },
    {
      name: 'segment',
      type: 'SegmentOptions',
      call: o => segmenter.segment(clip[0]!, { points: [[5, 5]] }, o),
    },
    {
      name: 'prompt 0',
      type: 'SegmentPrompt',
      call: (o: Options) => segmenter.segment(clip[0]!, { ...o, points: [[5, 5]] }),
    },
    {
      name: 'tracking',
      type: 'ClickPlan',
      call: (o: Options) => segmenter.tracking('memory', { ...o, ...clickPlan }),
    },
    {
      name: 'openVideo',
      type: 'SegmenterVideoOptions',
      call: o => segmenter.openVideo(clip, o),
    },
    {
      name: 'addPoints',
      type: 'PromptOptions',
      call: async o => void (await video.addPoints(0, 1, [[5, 5]], undefined, o)),
    },
    {
      name: 'addBox',
      type: 'CallOptions',
      call: async o => void (await video.addBox(0, 1, [1, 1, 9, 9], o)),
    },
    {
      name: 'addMask',
      type: 'CallOptions',
      call: async o => void (await video.addMask(0, 1, map, o)),
    },
    { name: 'propagate', type: 'PropagateOptions', call: o => video.propagate(o) },
    {
      name: 'removeObject',
      type: 'RemoveOptions',
      call: async o => void (await video.removeObject(7, o)),
    },
    { name: 'fuseMasks', type: 'FuseOptions', call: o => void fuseMasks(mask, mask, o) },
    {
      name: 'choosePoints',
      type: 'ChooseOptions',
      call: async o => void (await choosePoints(segmenter, clip[0]!, [mask], o)),
    },
    {
      name: 'annotateClip',
      type: 'AnnotateOptions',
      call: o => annotateClip(segmenter, clip, labels, o),
    },
    {
      name: 'toConversations',
      type: 'ConversationOptions',
      call: o => void toConversations(annotated, o),
    },
    {
      name: 'LabelCollector',
      type: 'CollectorOptions',
      call: o => void new LabelCollector('clip', o),
    },
    {
      name: 'toLabelStudio',
      type: 'LabelStudioOptions',
      call: o => void toLabelStudio([labels], o),
    },
    {
      name: 'writeLabels',
      type: 'LabelStudioOptions',
      call: async o => void (await writeLabels(folder, [labels], 'coco', o)),
    },
    {
      name: 'openDataset',
      type: 'DatasetOptions',
      call: async o => void (await evaluate.openDataset('drawn', join(folder, 'set'), o)),
    },
    {
      name: 'readCoco',
      type: 'LabelReadOptions',
      call: o => void readCoco(toCoco([labels]), 'coco.json', o),
    },
    {
      name: 'openSinks',
      type: 'SinksOptions',
      call: async o => void (await (await openSinks(folder, ['points'], o)).close()),
    },
    {
      name: 'readCvat',
      type: 'LabelReadOptions',
      call: o => void readCvat(toCvat(labels), 'cvat.xml', o),
    },
    {
      name: 'readLabelStudio',
      type: 'LabelReadOptions',
      call: o => void readLabelStudio(toLabelStudio([labels]), 'studio.json', o),
    },
    {
      name: 'readLabelFile',
      type: 'LabelReadOptions',
      call: async o => void (await readLabelFile(join(folder, 'coco.json'), o)),
    },
    {
      name: 'readLabelFolder',
      type: 'LabelReadOptions',
      call: async o => void (await readLabelFolder(join(folder, 'set/a/truth'), null, o)),
    },
    {
      name: 'readYoutubeVos',
      type: 'LabelReadOptions',
      call: async o => void (await readYoutubeVos(join(folder, 'youtube-vos'), undefined, o)),
    },
    {
      name: 'rleIou',
      type: 'RleIouOptions',
      call: o => void rleIou(mask.toRLE(), mask.toRLE(), o),
    },
    {
      name: 'scoreMasks',
      type: 'MaskScoreOptions',
      call: o => void evaluate.scoreMasks(map, map, o),
    },
    {
      name: 'scoreSemiSupervised',
      type: 'DavisOptions',
      call: o => void evaluate.scoreSemiSupervised([map], [map], o),
    },
    {
      name: 'scoreUnsupervised',
      type: 'ProposalOptions',
      call: o => void evaluate.scoreUnsupervised([map], [map], o),
    },
    {
      name: 'scoreCounts',
      type: 'CountScoreOptions',
      call: o => void evaluate.scoreCounts([1], [1], o),
    },
  ]
  const make = async (call: Call['call'], options: Options) => done(call(options as never))
  for (const { name, type, call } of calls) {
    const options = memberNames(declarations, type)
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
  const signatures = printSurface(entries).matchAll(
    /(\w+)(?:<[^(\n]*)?\([^\n]*\boptions\??: (\w+)/g,
  )
  const taken = [...signatures].map(([, name, type]) => `${name} ${type}`)
  const made = new Set(calls.map(({ name, type }) => `${name.split('.').at(-1)} ${type}`))
  // A constructor is called by its class; the last is called by the library.
  for (const other of ['constructor CollectorOptions', 'openTrack TrackOptions']) made.add(other)
  t.same(
    taken.filter(signature => !made.has(signature)),
    [],
    'every call with options is in the table',
  )
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
