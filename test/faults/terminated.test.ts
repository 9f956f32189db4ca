import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const library = new URL('../../lib/index.js', import.meta.url).href
const WORKERS = 200

/** Asks without end, and says when the first answer has come. */
const asking = `(async () => {
  const { parentPort } = await import('node:worker_threads')
  const { Segmenter } = await import(${JSON.stringify(library)})
  const segmenter = await Segmenter.load(undefined, { threads: 1 })
  const [width, height] = [64, 48]
  const image = { data: new Uint8Array(3 * width * height), width, height }
  const encoded = await segmenter.encode(image)
  for (let i = 0; ; i++) {
    await segmenter.segment(encoded, { points: [[20, 20]] })
    if (i === 0) parentPort.postMessage('running')
  }
})()`

/** Ends workers at different places of their calls, four at a time. */
const ending = `
  const { once } = await import('node:events')
  const { Worker } = await import('node:worker_threads')
  let started = 0
  async function endSome() {
    while (started < ${WORKERS}) {
      const delay = [0, 1, 2, 3, 5, 8][started++ % 6]
      const worker = new Worker(${JSON.stringify(asking)}, { eval: true })
      await once(worker, 'message')
      await new Promise(resolve => setTimeout(resolve, delay))
      await worker.terminate()
    }
  }
  await Promise.all([endSome(), endSome(), endSome(), endSome()])
  console.log(started, 'ended')
`

t.test(
  'workers that are ended while they ask take nothing along',
  { timeout: 600_000 },
  async t => {
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', ending], {
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const { stdout, stderr } = await child
    t.equal(stdout, `${WORKERS} ended\n`, stderr)
  },
)
