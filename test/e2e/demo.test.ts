import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const demo = fileURLToPath(new URL('../../lib/programs/demo.js', import.meta.url))

t.test('the demo writes its outputs and prints its score', async t => {
  const folder = join(t.testdir(), 'out')
  const { status, stdout, stderr } = spawnSync(process.execPath, [demo, folder], {
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr)
  t.match(stdout, /^J&F (0\.\d{3}|1\.000)$/m)
  t.match(stdout, new RegExp(`^overlay +${join(folder, 'overlay.mp4')}$`, 'm'))
  t.same(readdirSync(folder).sort(), ['masks', 'masks.json', 'overlay.mp4', 'points.jsonl'])
})
