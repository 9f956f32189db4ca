// Counts what a sentence names on every tenth frame:
//   node examples/count-per-frame.mjs clip.mp4 "all blue stars"
import { VideoMolmo } from 'videomolmo'

const [source, sentence] = process.argv.slice(2)
const vm = await VideoMolmo.load()
try {
  const { count, frames } = await vm.count(source, sentence)
  for (const { frameIndex, count } of frames) console.log(`frame ${frameIndex}: ${count}`)
  console.log(`in all: ${count}`)
} finally {
  await vm.dispose()
}
