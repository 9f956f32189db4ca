import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

// This file runs from dist/test/engine.
const library = new URL('../../lib/index.js', import.meta.url).href
const clip = fileURLToPath(new URL('../../../assets/demo/clip.mp4', import.meta.url))

/** What a program fails with in a process of its own. */
function failure(program: string, flags: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const source = `
    import { Segmenter, VideoMolmoError } from ${JSON.stringify(library)}
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
  t.match(failure('await Segmenter.load()', [], env), {
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
  t.match(failure(program, flags), {
    typed: true,
    code: 'NOT_INSTALLED',
    message: /node-av .*no such package/,
  })
})
