import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const ground = new URL('../../lib/ground/mask-work.js', import.meta.url).href
const loader = new URL('../../lib/engine/loader.js', import.meta.url).href

/** Starts jobs without end and never waits: the next ones begin while the last are under way. */
const busy = `(async () => {
  const { parentPort } = await import('node:worker_threads')
  const { addon } = await import(${JSON.stringify(loader)})
  const { nativeMaskWork } = await import(${JSON.stringify(ground)})
  const work = nativeMaskWork
  const [width, height] = [640, 480]
  const mask = new Uint8Array(width * height).fill(1, 1000, 90000)
  const pairs = [[0, 0], [1, -1]]
  const request = { width, height, forward: [mask, mask], backward: [mask], pairs }
  const once = () => work.fuse(request, { tau: 0.7, strategy: 'bidirectional' })
  const loop = async () => { for (;;) (await once()).objects[0].mask.data }
  await once()
  for (let i = 0; i < 8; i++) loop()
  parentPort.postMessage('running')
})()`

const ended = `
  const { once } = await import('node:events')
  const { Worker } = await import('node:worker_threads')
  for (let i = 0; i < 20; i++) {
    const worker = new Worker(${JSON.stringify(busy)}, { eval: true })
    await once(worker, 'message')
    await new Promise(resolve => setTimeout(resolve, i))
    await worker.terminate()
  }
  console.log('alive')
`

t.test('a worker that is ended in the middle of mask jobs takes nothing along', async t => {
  const child = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', ended], {
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const { stdout, stderr } = await child
  t.equal(stdout, 'alive\n', stderr)
})
