import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { printSurface, reachable, readEntries, root } from './surface.js'

const entries = readEntries()

t.test('the public surface is the one that was agreed on', async t => {
  const agreed = readFileSync(join(root, 'test/api/surface.txt'), 'utf8').split('\n')
  const found = printSurface(entries).split('\n')
  const at = found.findIndex((line, i) => line !== agreed[i])
  const hint = 'if the change is wanted: npm run --silent api > test/api/surface.txt'
  t.equal(found[at], agreed[at], `line ${at + 1}; ${hint}`)
  t.equal(found.length, agreed.length, hint)
})

t.test('the first entry has what points and segments, and nothing else', async t => {
  t.same(
    entries.map(({ name }) => name),
    ['videomolmo', 'videomolmo/labels', 'videomolmo/evaluate'],
  )
  const values = [...entries[0]!.exported.values()].filter(({ file, texts }) => {
    const kind = /^(?:abstract )?(\w+)/.exec(texts[0]!)![1]
    return kind !== 'interface' && kind !== 'type' && !file.endsWith('errors.d.ts')
  })
  t.same(
    values.map(({ name }) => name),
    [
      ...['EMBEDDED', 'GroundSession', 'Mask', 'Pointer', 'Segmenter', 'SegmenterVideo'],
      ...['VideoMolmo', 'VideoWriter', 'decodeRle', 'downloadModel', 'encodeRle', 'fuseMasks'],
    ],
  )
})

t.test('each entry exports what its declarations say', async t => {
  for (const { name, exported } of entries) {
    const loaded = Object.keys(await import(name)).sort()
    const values = [...exported].filter(([, { texts }]) => !/^(interface|type) /.test(texts[0]!))
    t.same(
      values.map(([as]) => as),
      loaded,
      name,
    )
  }
})

t.test('no type of the addon can be reached', async t => {
  const found = reachable(entries)
  t.ok(found.length > 100, `${found.length} declarations`)
  for (const { file, name, texts } of found) {
    const place = relative(join(root, 'dist/lib'), file)
    const isPublic = !place.startsWith('engine/') || /^engine\/(errors|public-types)\./.test(place)
    if (!isPublic || texts.some(text => /\bAddon[A-Z]/.test(text))) t.fail(`${name} in ${place}`)
  }
})

const program = `
import { type ModelInfo, Pointer, Segmenter, VideoMolmo } from 'videomolmo'
import { LabelCollector } from 'videomolmo/labels'
import { scoreMasks } from 'videomolmo/evaluate'

await using vm = await VideoMolmo.load({ tracking: 'memory' })
const collector = new LabelCollector('clip')
for await (const frame of vm.ground('clip.mp4', 'the red square', { keyframeEvery: 5 })) {
  collector.add(frame)
  scoreMasks(frame.mask, frame.mask).j.toFixed(3)
}
const info: ModelInfo = vm.pointer.info
const encoded = await vm.segmenter.encode('photo.jpg')
await vm.segmenter.segment(encoded, { points: [[1, 2]] })
info.parameters.toFixed(0)

// @ts-expect-error
new Pointer({})
// @ts-expect-error
new Segmenter({})
// @ts-expect-error
Segmenter.of({})
// @ts-expect-error
vm.segmenter.handle
// @ts-expect-error
vm.models
// @ts-expect-error
encoded.features
// @ts-expect-error
vm.ground('clip.mp4', 'the red square', { keyframesEvery: 5 })
`

t.test('a program compiles against the declarations, checked whole', async t => {
  const folder = t.testdir({ 'program.ts': program })
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  const config = { compilerOptions, files: ['program.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  // The program itself: behind Node.js, tap's loaders would come along.
  const { default: compilerOf } = await import(
    pathToFileURL(join(root, 'node_modules/typescript/lib/getExePath.js')).href
  )
  const compile = () =>
    execFileSync(compilerOf(), ['-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  try {
    t.equal(compile(), '')
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    t.fail(`${stdout}${stderr}`)
  }
})
