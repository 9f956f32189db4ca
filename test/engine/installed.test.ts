import { spawnSync } from 'node:child_process'
import { cpSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'

// This file runs from dist/test/engine.
const root = fileURLToPath(new URL('../../..', import.meta.url))
const library = pathToFileURL(join(root, 'dist/lib/index.js')).href
const clip = join(root, 'assets/demo/clip.mp4')

/** What a program fails with in a process of its own. */
function failure(
  program: string,
  {
    flags = [],
    env = {},
    from = library,
  }: { flags?: string[]; env?: NodeJS.ProcessEnv; from?: string },
) {
  const source = `
    import { Segmenter, VideoMolmoError } from ${JSON.stringify(from)}
    try { ${program} } catch (error) {
      const typed = error instanceof VideoMolmoError
      console.log(JSON.stringify({ typed, code: error.code, message: error.message }))
    }`
  const args = [...flags, '--input-type=module', '-e', source]
  const done = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return done.stdout === '' ? { stderr: done.stderr } : JSON.parse(done.stdout)
}

t.test('an engine without a build for the platform says so', async t => {
  const env = { VIDEOMOLMO_PREBUILD: t.testdir() }
  t.match(failure('await Segmenter.load()', { env }), {
    typed: true,
    code: 'NOT_INSTALLED',
    message: /native engine could not be loaded/,
  })
})

t.test('videos without node-av say so', async t => {
  const hook = `export async function resolve(name, context, next) {
    if (name.startsWith('node-av')) throw new Error('no such package')
    return next(name, context)
  }`
  const hidden = `import { register } from 'node:module'
    register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))})`
  const flags = ['--import', `data:text/javascript,${encodeURIComponent(hidden)}`]
  const program = `await (await Segmenter.load()).openVideo(${JSON.stringify(clip)})`
  t.match(failure(program, { flags }), {
    typed: true,
    code: 'NOT_INSTALLED',
    message: /node-av .*no such package/,
  })
})

t.test('the report on the platform leaves the network out', async t => {
  const program = `
    const asked = []
    const get = process.report.getReport.bind(process.report)
    process.report.getReport = () => (asked.push(process.report.excludeNetwork), get())
    try { await Segmenter.load() } catch {
      throw new VideoMolmoError('INTERNAL', JSON.stringify([asked, process.report.excludeNetwork]))
    }`
  const { message } = failure(program, { env: { VIDEOMOLMO_PREBUILD: t.testdir() } })
  const [asked, after] = JSON.parse(message)
  t.ok(asked.every(Boolean), 'while it is made')
  t.notOk(after, 'and as it was afterwards')
})

t.test('a library that was taken out of its package says what to do', async t => {
  const folder = t.testdir()
  cpSync(join(root, 'dist/lib'), join(folder, 'out/app'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "app", "type": "module" }')
  const from = pathToFileURL(join(folder, 'out/app/index.js')).href
  const expected = { typed: true, code: 'NOT_INSTALLED', message: /mark it as external/ }
  t.match(failure('await Segmenter.load()', { from }), expected)
  t.match(
    failure(`await Segmenter.load(${JSON.stringify(join(root, 'assets/segmenter'))})`, { from }),
    expected,
  )
})
