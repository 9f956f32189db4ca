import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ReviewList } from '../../lib/formats/review-list.js'
import { writeReview } from '../../lib/formats/sinks/review.js'
import { groundClip } from '../../lib/ground/ground.js'
import { type GroundOptions, groundSettings } from '../../lib/ground/options.js'
import type { GroundResult } from '../../lib/ground/result.js'
import { openClip } from '../../lib/video/source.js'
import { FakeModels, type FakeModelsOptions, type TrackRecord } from '../support/fake-models.js'
import { center, drawClip, type Scene, twoBoxes } from '../support/scene.js'

async function ground(
  scene: Scene,
  fake: Partial<FakeModelsOptions> = {},
  options: GroundOptions & { provisional?: boolean } = {},
): Promise<GroundResult[]> {
  const answer = (frame: number) => scene.objects.map(object => center(object, frame))
  const models = new FakeModels({ answer, ...fake })
  const { provisional = false, ...rest } = options
  const settings = groundSettings(rest, 4)
  const source = await openClip(drawClip(scene))
  const results: GroundResult[] = []
  const run = groundClip(models, source, 'boxes', settings, provisional)
  for await (const result of run) results.push(result)
  return results
}

const agreements = (results: GroundResult[]) => results.map(({ agreement }) => agreement)

t.test('two directions that say the same agree', async t => {
  const results = await ground(twoBoxes(8))
  t.same(agreements(results), [null, 1, 1, 1, 1, null, null, null])
  t.same(
    results[2]!.objects.map(({ agreement }) => agreement),
    [1, 1],
  )
  for (const frame of [0, 5, 6]) {
    t.same(
      results[frame]!.objects.map(({ agreement }) => agreement),
      [null, null],
      'keyframes and frames after the last have one side only',
    )
  }
})

/** The forward masks lose as many rows of the first box as frames have passed since the keyframe. */
function losing(scene: Scene) {
  const [box] = scene.objects
  return (mask: Uint8Array, { start, frame, reverse }: TrackRecord) => {
    const isFirst = mask[center(box!, frame).y * scene.width + center(box!, frame).x] === 1
    if (reverse || !isFirst) return mask
    const from = (box!.y + frame - start) * scene.width
    return mask.map((value, at) => (at < from ? 0 : value))
  }
}

t.test('agreement is the IoU before fusion, of all objects and of each', async t => {
  const scene = twoBoxes(11)
  const results = await ground(scene, { distort: losing(scene) })
  // The boxes have 12 x 10 and 10 x 12 pixels.
  for (const frame of [1, 2, 3, 4]) {
    const { agreement, objects } = results[frame]!
    t.ok(Math.abs(agreement! - (240 - 12 * frame) / 240) < 1e-12, `frame ${frame}: ${agreement}`)
    const expected = [(120 - 12 * frame) / 120, 1]
    for (const [o, value] of expected.entries()) {
      t.ok(Math.abs(objects[o]!.agreement! - value) < 1e-12)
    }
  }
})

t.test('what one side alone sees is disputed', async t => {
  const scene = twoBoxes(6)
  const [first, second] = scene.objects
  const oneSide = (frame: number) =>
    (frame === 0 ? [first!, second!] : [first!]).map(object => center(object, frame))
  const [, lost] = await ground(scene, { answer: oneSide })
  t.equal(lost!.agreement, 0.5)
  t.same(
    lost!.objects.map(({ objectId, agreement }) => [objectId, agreement]),
    [
      [1, 1],
      [2, 0],
    ],
  )
  const silent = (frame: number) => (frame === 0 ? [center(first!, 0)] : [])
  t.same(agreements(await ground(scene, { answer: silent })), [null, 0, 0, 0, 0, null])
  t.same(agreements(await ground(scene, { answer: () => [] })), [1, 1, 1, 1, 1, null])
})

t.test('the list ranks frames by disagreement and is written', async t => {
  const scene = twoBoxes(11)
  const list = new ReviewList()
  for (const result of await ground(scene, { distort: losing(scene) }, { provisional: true })) {
    list.add(result)
  }
  const ranked = list.ranked()
  t.same(
    ranked.map(({ frameIndex }) => frameIndex),
    [4, 9, 3, 8, 2, 7, 1, 6],
    'equal ones in the order of the clip, first estimates left out',
  )
  t.same(
    ranked[0]!.objects.map(({ objectId }) => objectId),
    [1, 2],
  )
  const folder = t.testdir()
  const paths = await writeReview(folder, 'boxes', ranked)
  t.same(paths, { review: join(folder, 'review.json'), reviewTable: join(folder, 'review.csv') })
  const { query, frames } = JSON.parse(readFileSync(paths.review, 'utf8'))
  t.equal(query, 'boxes')
  t.match(frames[0], { frame: 4, tNs: 133333332, agreement: 0.8 })
  t.equal(frames.length, 8)
  const [head, first] = readFileSync(paths.reviewTable, 'utf8').split('\n')
  t.equal(head, 'rank,frame,seconds,agreement,objects')
  t.equal(first, '1,4,0.133,0.8000,1:0.6000 2:1.0000')
})
