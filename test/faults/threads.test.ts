import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { loadTiny, picture, promptIds } from '../pointer/model.js'

const request = [{ frameIndex: 0, promptIds }]
const worker = (order?: string) =>
  new Worker(new URL('./worker.js', import.meta.url), { workerData: order })

async function answerHere(): Promise<Int32Array> {
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
  const [answer] = await stream.answer(request, { maxNewTokens: 6 })
  await pointer.dispose()
  return answer!.ids
}

t.test('two worker threads and the main thread, each with a model of its own', async t => {
  const workers = [worker(), worker()]
  const answers = workers.map(one => once(one, 'message'))
  const exits = workers.map(one => once(one, 'exit'))
  const expected = await answerHere()
  for (const [message] of await Promise.all(answers)) t.same(message.ids, expected)
  for (const [code] of await Promise.all(exits)) t.equal(code, 0)
})

t.test('a worker that is ended in the middle of its calls takes nothing along', async t => {
  const one = worker('keep running')
  for await (const [message] of messages(one)) if (message.running) break
  t.equal(await one.terminate(), 1)
  t.equal((await answerHere()).length, 6)
})

async function* messages(one: Worker) {
  for (;;) yield await once(one, 'message')
}

const inChild = (code: string) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
    env: { ...process.env, NODE_OPTIONS: '' },
  })

const prelude = `
  const { loadTiny, picture, promptIds } = await import(${JSON.stringify(
    new URL('../pointer/model.js', import.meta.url).href,
  )})
  const pointer = await loadTiny()
  const stream = pointer.openStream()
  await stream.encode(0, picture(0))
`

t.test('a process with an idle model ends by itself', async t => {
  const { stdout } = await inChild(`${prelude} console.log('done')`)
  t.equal(stdout, 'done\n')
})

t.test('a process waits for the calls under way, and not for a disposed model', async t => {
  const call = `stream.answer([{ frameIndex: 0, promptIds }], { maxNewTokens: 40 })`
  const waited = await inChild(`${prelude} void ${call}.then(([a]) => console.log(a.ids.length))`)
  t.equal(waited.stdout, '40\n')
  // The first call may be over before the main thread gets to dispose(); the second has to wait behind it.
  const disposed = await inChild(`
    ${prelude}
    const long = () => stream.answer([{ frameIndex: 0, promptIds }], { maxNewTokens: 3900 })
    const report = call => call.then(() => console.log('done'), ({ code }) => console.log(code))
    report(long())
    report(long())
    pointer.dispose().then(() => console.log('released'))
  `)
  t.match(disposed.stdout, /^(done|ABORTED|DISPOSED)\n(ABORTED|DISPOSED)\nreleased\n$/)
})

t.test('process.exit in the middle of a call', async t => {
  const { stdout } = await inChild(`
    ${prelude}
    void stream.answer([{ frameIndex: 0, promptIds }], { maxNewTokens: 3900 })
    setTimeout(() => { console.log('leaving'); process.exit(0) }, 20)
  `)
  t.equal(stdout, 'leaving\n')
})
