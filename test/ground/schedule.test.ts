import t from 'tap'
import { groundClip } from '../../lib/ground/ground.js'
import { groundSettings } from '../../lib/ground/options.js'
import { openClip } from '../../lib/video/source.js'
import { FakeModels } from '../support/fake-models.js'
import { readFixture } from '../support/fixtures.js'
import { center, drawClip, twoBoxes } from '../support/scene.js'

interface Schedule {
  cases: { frames: number; k: number; sampled: number[]; sources: [number, number | null][] }[]
}

/** Both boxes stand still, so that clips of any length keep them in the frame. */
function standing(frames: number) {
  const scene = twoBoxes(frames)
  for (const object of scene.objects) object.dx = 0
  return scene
}

t.test('every frame is reached from the keyframes that the schedule names', async t => {
  for (const { frames, k, sampled, sources } of readFixture<Schedule>('fusion/schedule.json')
    .cases) {
    const scene = standing(frames)
    const models = new FakeModels({ answer: f => scene.objects.map(object => center(object, f)) })
    const source = await openClip(drawClip(scene))
    const settings = groundSettings({ keyframeEvery: k }, 4)
    const kinds: string[] = []
    for await (const result of groundClip(models, source, 'q', settings)) {
      kinds.push(result.objects[0]!.source)
    }
    t.same(models.asked, sampled, `${frames} frames, k = ${k}`)
    for (const [frame, [left, right]] of sources.entries()) {
      const reached = models.tracked.filter(record => record.frame === frame)
      const isKeyframe = sampled.includes(frame)
      const kind = isKeyframe ? 'point' : right === null ? 'propagated' : 'fused'
      t.equal(kinds[frame], kind, `frame ${frame} of ${frames}, k = ${k}`)
      if (isKeyframe) continue
      const expected = [{ start: left, frame, reverse: false }]
      if (right !== null) expected.push({ start: right, frame, reverse: true })
      t.same(reached, expected, `frame ${frame} of ${frames}, k = ${k}`)
    }
  }
})
