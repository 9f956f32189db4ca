import { groundClip } from '../../../lib/ground/ground.js'
import { groundSettings } from '../../../lib/ground/options.js'
import { openClip } from '../../../lib/video/source.js'
import { FakeModels } from '../../support/fake-models.js'
import { center, drawClip, twoBoxes } from '../../support/scene.js'
import type { Report } from './report.js'

/** Where the masks of every frame of a clip come from: the keyframe before and the one after. */
export interface ScheduleCase {
  frames: number
  k: number
  sampled: number[]
  sources: [number, number | null][]
}

/** Runs the grounding pipeline with models that record what they are asked to track. */
export async function checkSchedule(
  report: Report,
  { frames, k, sampled, sources }: ScheduleCase,
): Promise<void> {
  const scene = twoBoxes(frames)
  for (const object of scene.objects) object.dx = 0
  const answer = (frame: number) => scene.objects.map(object => center(object, frame))
  const models = new FakeModels({ answer })
  const clip = await openClip(drawClip(scene))
  const settings = groundSettings({ keyframeEvery: k }, 4)
  let results = 0
  for await (const _ of groundClip(models, clip, 'boxes', settings)) results++
  const name = `schedule.frames${frames}.k${k}`
  report.values(`${name}.sampled`, models.asked, sampled, 0)
  const reached = sources.map(([left], frame) => {
    if (models.asked.includes(frame)) return [frame, null]
    const starts = (reverse: boolean) =>
      models.tracked.find(record => record.frame === frame && record.reverse === reverse)?.start
    return [starts(false) ?? left, starts(true) ?? null]
  })
  const same = JSON.stringify(reached) === JSON.stringify(sources)
  report.check(`${name}.sources`, same && results === frames)
}
