import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { resolveModel, resolveTokenizer } from '../../lib/hub/resolve.js'
import type { DownloadProgress } from '../../lib/hub/snapshot.js'
import { big, COMMIT, sharded, shards, start } from '../support/hub.js'

t.test(
  'a sharded model lands in the cache as Python lays it out, and nothing else does',
  async t => {
    const { hub, environment } = await start(t, { 'owner/model': sharded() })
    const progress: DownloadProgress[] = []
    const onProgress = (state: DownloadProgress) => void progress.push(state)
    const { path } = await resolveModel('owner/model', { onProgress }, environment)

    const repository = join(environment.cache, 'models--owner--model')
    t.equal(path, join(repository, 'snapshots', COMMIT))
    t.same(readdirSync(path).sort(), [
      'config.json',
      ...shards,
      'model.safetensors.index.json',
      'preprocessor_config.json',
    ])
    t.equal(readFileSync(join(repository, 'refs/main'), 'utf8'), COMMIT)
    t.ok(lstatSync(join(path, shards[0]!)).isSymbolicLink())
    t.match(readlinkSync(join(path, shards[0]!)), /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/)
    t.match(readlinkSync(join(path, 'config.json')), /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/)
    t.same(readFileSync(join(path, shards[1]!)), big(2, 5000))
    const last = progress.at(-1)!
    t.equal(last.bytesDone, last.bytesTotal)
    t.ok(progress.every(({ bytesDone }, i) => bytesDone >= (progress[i - 1]?.bytesDone ?? 0)))

    const before = hub.requests.filter(line => line.includes('/cdn/')).length
    await resolveModel('owner/model', {}, environment)
    t.equal(hub.requests.filter(line => line.includes('/cdn/')).length, before, 'fetched once')
    hub.requests.length = 0
    await resolveModel(`owner/model@${COMMIT}`, {}, environment)
    t.same(hub.requests, [], 'a commit that is there is not asked for')
    const offline = { ...environment, offline: true }
    t.equal((await resolveModel('owner/model', {}, offline)).path, path)
    t.same(hub.requests, [], 'offline asks nothing')
  },
)

t.test('a cut in the middle goes on where it stopped', async t => {
  const { hub, environment, pauses } = await start(t, { 'owner/model': sharded() })
  let cuts = 0
  hub.mischief = (request, response) => {
    if (!request.url!.includes(`cdn/owner/model/${shards[0]}`) || cuts >= 2) return false
    cuts++
    const from = Number(/=(\d+)-/.exec(request.headers.range ?? '=0-')![1])
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': 300_000 - from })
    response.write(big(1, 100_000), () => request.socket.end())
    return true
  }
  const { path } = await resolveModel('owner/model', {}, environment)
  t.same(readFileSync(join(path, shards[0]!)), big(1))
  // How much of a cut answer arrives is up to the network.
  const [first, ...later] = hub.fetched(shards[0]!)
  t.equal(first, 'all')
  t.match(later, [/^bytes=[1-9]\d*-$/, /^bytes=[1-9]\d*-$/])
  t.equal(pauses.length, 2)
})

t.test('two downloads of the same at once', async t => {
  const { environment } = await start(t, { 'owner/model': sharded() })
  const both = [1, 2].map(() => resolveModel('owner/model', {}, environment))
  const [{ path }] = (await Promise.all(both)) as [{ path: string }, unknown]
  t.same(readFileSync(join(path, shards[0]!)), big(1))
  t.same(readdirSync(path).sort(), [
    'config.json',
    ...shards,
    'model.safetensors.index.json',
    'preprocessor_config.json',
  ])
})

t.test('what an earlier download left too long is begun anew', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  await resolveModel('owner/model', {}, environment)
  const blobs = join(environment.cache, 'models--owner--model/blobs')
  const blob = readdirSync(blobs).find(name => lstatSync(join(blobs, name)).size === 5000)!
  rmSync(join(blobs, blob))
  writeFileSync(join(blobs, `${blob}.incomplete`), big(7, 6000))
  const { path } = await resolveModel('owner/model', {}, environment)
  t.same(readFileSync(join(path, shards[1]!)), big(2, 5000))
  t.same(hub.fetched(shards[1]!), ['all', 'all'])
})

t.test('a server without ranges sends the whole file again', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  let cut = false
  hub.mischief = (request, response) => {
    if (!request.url!.includes(`cdn/owner/model/${shards[0]}`)) return false
    response.writeHead(200, { 'content-length': 300_000 })
    if (cut) response.end(big(1))
    else response.write(big(1, 100_000), () => request.socket.end())
    cut = true
    return true
  }
  const { path } = await resolveModel('owner/model', {}, environment)
  t.same(readFileSync(join(path, shards[0]!)), big(1))
})

t.test('a PyTorch file alone', async t => {
  const files = { 'sam.pt': big(1, 10), 'sam.yaml': 'a: b' }
  const { environment } = await start(t, {
    'owner/one': { commit: COMMIT, lfs: ['sam.pt'], files },
    'owner/two': { commit: COMMIT, files: { ...files, 'other.pt': 'x' } },
    'owner/none': { commit: COMMIT, files: { 'README.md': 'x' } },
  })
  const { path } = await resolveModel('owner/one', {}, environment)
  t.same(readdirSync(path), ['sam.pt'])
  const invalid = (message: RegExp) => ({ code: 'CHECKPOINT_INVALID', message })
  await t.rejects(resolveModel('owner/two', {}, environment), invalid(/2 \.pt files/))
  await t.rejects(resolveModel('owner/none', {}, environment), invalid(/no weights that are read/))
})

t.test("VideoMolmo takes its base model's tokenizer, and no more of that", async t => {
  const base = 'allenai/Molmo-7B-D-0924'
  const tokenizer = { 'tokenizer.json': '{}', 'tokenizer_config.json': '{}' }
  const molmo = { 'config.json': '{"model_type":"molmo"}', 'model.safetensors': 'x' }
  const { hub, environment } = await start(t, {
    'owner/video': { commit: COMMIT, files: molmo },
    [base]: { commit: COMMIT, files: { ...molmo, ...tokenizer } },
  })
  const found = await resolveModel('owner/video', {}, environment)
  t.same(readdirSync(found.tokenizer!).sort(), Object.keys(tokenizer))
  t.match(found.tokenizer, /models--allenai--Molmo-7B-D-0924/)
  t.same(hub.fetched('model.safetensors'), ['all'], "the base's weights stay where they are")
  const named = await resolveTokenizer(base, {}, environment)
  t.equal(named, found.tokenizer)
})

t.test('paths and ids', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  const folder = t.testdir({ owner: { model: {} } })
  const inside = (path: string) => join(folder, path)
  t.same(await resolveModel(inside('owner/model'), {}, environment), {
    path: inside('owner/model'),
  })
  const missing = { code: 'MODEL_NOT_FOUND', message: /no such checkpoint file or folder/ }
  for (const path of ['./owner/model', '../model', inside('no'), 'a/b/c', 'model', 'a/..', '~/x']) {
    await t.rejects(resolveModel(path, {}, environment), missing, path)
  }
  for (const id of ['owner/model@', 'owner/model@../x', 'owner/model@a//b', '.a/b', 'a/b c']) {
    await t.rejects(resolveModel(id, {}, environment), missing, id)
  }
  t.same(hub.requests, [])
  await t.rejects(resolveModel('owner/nothing@v1.0', {}, environment), {
    code: 'MODEL_NOT_FOUND',
    message: /no file or folder owner\/nothing@v1\.0 here either/,
  })
  t.match(hub.requests, [/owner\/nothing\/revision\/v1\.0/])
})

t.test('half of a model in the cache is no model', async t => {
  const { environment } = await start(t, { 'owner/model': sharded() })
  const snapshot = join(environment.cache, 'models--owner--model/snapshots', COMMIT)
  mkdirSync(snapshot, { recursive: true })
  writeFileSync(join(snapshot, 'config.json'), '{}')
  const offline = { ...environment, offline: true }
  await t.rejects(resolveModel(`owner/model@${COMMIT}`, {}, offline), {
    message: /not \(wholly\) in/,
  })
  const { path } = await resolveModel(`owner/model@${COMMIT}`, {}, environment)
  t.equal(path, snapshot)
  t.same(readFileSync(join(path, shards[0]!)), big(1))
})
