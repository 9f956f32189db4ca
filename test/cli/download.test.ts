import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { modelSettings } from '../../lib/cli/model-settings.js'
import { run } from '../support/cli.js'
import { HubServer } from '../support/hub-server.js'

const COMMIT = 'c0de'.repeat(10)

t.test('models by their id on the command line', async t => {
  const assets = new URL('../../../assets/segmenter/', import.meta.url)
  const names = ['config.json', 'model.safetensors']
  const files = Object.fromEntries(names.map(name => [name, readFileSync(new URL(name, assets))]))
  const hub = await HubServer.start(t, {
    'owner/sam': { commit: COMMIT, lfs: ['model.safetensors'], files },
  })
  const home = t.testdir({})
  process.env.HF_HOME = home
  process.env.HF_ENDPOINT = `${hub.endpoint}/`
  process.env.HF_TOKEN = 'hf_of_a_test'
  delete process.env.HF_HUB_CACHE
  const { code, stdout, stderr } = await run('download', 'owner/sam', '--json')
  t.equal(code, 0, stderr)
  const { folder } = JSON.parse(stdout)
  t.equal(folder, join(home, 'hub/models--owner--sam/snapshots', COMMIT))
  t.ok(existsSync(join(folder, 'model.safetensors')))
  t.same([...hub.tokens], ['Bearer hf_of_a_test'])

  process.env.HF_HUB_OFFLINE = '1'
  const inspected = await run('inspect', 'owner/sam')
  t.equal(inspected.code, 0, inspected.stderr)
  t.match(inspected.stdout, /^segmenter: /)
  const { segmenterFiles } = await modelSettings({ segmenter: 'owner/sam' })
  t.match(segmenterFiles, /^[1-9]\d+ bytes of /, 'what a run was made with can be told later')
  const missing = await run('inspect', 'owner/other', '--json')
  t.equal(missing.code, 1)
  t.match(JSON.parse(missing.stderr).error, { code: 'MODEL_NOT_FOUND', message: /OFFLINE/ })
  t.match((await run('doctor')).stdout, new RegExp(`model cache +${join(home, 'hub')}.*offline`))
})
