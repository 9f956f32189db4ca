// Runs inside a worker thread: loads a tiny model, answers, and then obeys.
import { parentPort, workerData } from 'node:worker_threads'
import { loadTiny, picture, promptIds } from '../pointer/model.js'

const pointer = await loadTiny()
const stream = pointer.openStream()
await stream.encode(0, picture(0))
const request = [{ frameIndex: 0, promptIds }]
const [answer] = await stream.answer(request, { maxNewTokens: 6 })
parentPort!.postMessage({ ids: answer!.ids })
if (workerData === 'keep running') {
  // Never awaited: the thread is ended while these run.
  for (let i = 0; i < 3; i++) void stream.answer(request, { maxNewTokens: 3900 })
  parentPort!.postMessage({ running: true })
} else {
  await pointer.dispose()
}
