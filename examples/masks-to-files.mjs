// Writes every object's outlines as JSON:
//   node examples/masks-to-files.mjs clip.mp4 "the red square" outlines.json
import { writeFile } from 'node:fs/promises'
import { VideoMolmo } from 'videomolmo'

const [source, sentence, output] = process.argv.slice(2)
const vm = await VideoMolmo.load()
const frames = []
try {
  for await (const { frameIndex, objects } of vm.ground(source, sentence)) {
    const outlines = objects.map(({ objectId, mask }) => ({ objectId, polygons: mask.toPolygons() }))
    frames.push({ frame: frameIndex, outlines })
  }
} finally {
  await vm.dispose()
}
await writeFile(output, JSON.stringify(frames))
