import t from 'tap'
import { AbortedError } from '../../lib/engine/errors.js'
import { groundClip } from '../../lib/ground/ground.js'
import { groundSettings, pointSettings } from '../../lib/ground/options.js'
import { pointClip } from '../../lib/ground/point.js'
import { UntilFailure } from '../../lib/ground/until-failure.js'
import { openClip } from '../../lib/video/source.js'
import { FakeModels } from '../support/fake-models.js'
import { center, drawClip, twoBoxes } from '../support/scene.js'

const scene = twoBoxes(60)
const answer = (frame: number) => scene.objects.map(object => center(object, frame))
const unplugged = { message: 'unplugged' }

/** Frames of the scene, and then what a camera that breaks gives. */
function* breaking(frames: number) {
  yield* drawClip({ ...scene, frames })
  throw new Error('unplugged')
}

/** Numbers of what comes before the error that ends it. */
async function numbers(results: AsyncIterable<{ frameIndex: number }>): Promise<number[]> {
  const seen: number[] = []
  await t.rejects(async () => {
    for await (const { frameIndex } of results) seen.push(frameIndex)
  }, unplugged)
  return seen
}

t.test(
  'frames before a failure are finished first, with the results of a clip that ends',
  async t => {
    for (const frames of [1, 3, 5, 12, 16, 41]) {
      const all = Array.from({ length: frames }, (_, i) => i)
      for (const keyframeBatch of [1, 8]) {
        const settings = groundSettings({ keyframeBatch }, 4)
        const masks = async (source: Iterable<ReturnType<typeof drawClip>[number]>) => {
          const models = new FakeModels({ answer })
          const list: string[] = []
          try {
            const clip = await openClip(source)
            for await (const { mask, frameIndex } of groundClip(models, clip, 'boxes', settings)) {
              list.push(`${frameIndex} ${mask.toRLE().counts}`)
            }
          } catch (error) {
            t.match(error, unplugged)
          }
          t.same([models.liveFeatures, models.liveTracks, models.streamsOpen], [0, 0, 0])
          return list
        }
        const ended = await masks(drawClip({ ...scene, frames }).values())
        t.equal(ended.length, frames)
        t.same(await masks(breaking(frames)), ended, `${frames} frames, ${keyframeBatch} at a time`)
      }
      const models = new FakeModels({ answer })
      const settings = pointSettings({}, 4, 1)
      const points = pointClip(models.pointer, await openClip(breaking(frames)), 'boxes', settings)
      t.same(await numbers(points), all)
    }
  },
)

t.test('a clip that fails at once gives nothing but the error', async t => {
  const models = new FakeModels({ answer })
  const clip = await openClip(breaking(0))
  t.same(await numbers(groundClip(models, clip, 'boxes', groundSettings({}, 4))), [])
})

t.test('an abort does not wait', async t => {
  async function* aborted() {
    yield* []
    throw new AbortedError()
  }
  await t.rejects(
    async () => {
      for await (const _ of new UntilFailure(aborted()));
    },
    { code: 'ABORTED' },
  )
})
