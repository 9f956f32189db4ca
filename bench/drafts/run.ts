import { fileURLToPath } from 'node:url'
import { VideoMolmo } from '../../lib/ground/videomolmo.js'

/**
 * npm run bench -- drafts [SENTENCE]: how many passes of the decoder's weights the demo clip's keyframes
 * take, with and without drafts, one at a time and eight together. Counts, not times.
 */
// This file runs from dist/bench/drafts.
const clip = fileURLToPath(new URL('../../../assets/demo/clip.mp4', import.meta.url))
const [sentence = 'all cyan stars'] = process.argv.slice(2)

await using vm = await VideoMolmo.load()
console.log(`embedded pointer, demo clip, every frame a keyframe, "${sentence}"\n`)
console.log(
  '| keyframes together | drafts | steps, summed over answers | draft ids tried | right |',
)
console.log('| ---: | --- | ---: | ---: | ---: |')
for (const keyframeBatch of [1, 8]) {
  for (const draft of [false, true]) {
    const sum = { steps: 0, drafted: 0, accepted: 0 }
    const options = { keyframeEvery: 1, keyframeBatch, draft }
    for await (const { stats } of vm.point(clip, sentence, options)) {
      sum.steps += stats.steps
      sum.drafted += stats.drafted
      sum.accepted += stats.accepted
    }
    const cells = [keyframeBatch, draft ? 'yes' : 'no', sum.steps, sum.drafted, sum.accepted]
    console.log(`| ${cells.join(' | ')} |`)
  }
}
