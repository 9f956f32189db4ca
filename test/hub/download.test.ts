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
import t, { type Test } from 'tap'
import type { HubEnvironment } from '../../lib/hub/environment.js'
import { resolveModel, resolveTokenizer } from '../../lib/hub/resolve.js'
import type { DownloadProgress } from '../../lib/hub/snapshot.js'
import { fail, HubServer, type ServedRepository } from '../support/hub-server.js'

const COMMIT = 'c0de'.repeat(10)
const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
const big = (byte: number, length = 300_000) => Buffer.alloc(length, byte)

/** A sharded model with everything that must not be fetched beside it. */
const sharded = (): ServedRepository => ({
  commit: COMMIT,
  lfs: [...shards, 'pytorch_model.bin'],
  files: {
    'README.md': '# A model',
    'config.json': '{"model_type":"sam2_video"}',
    'preprocessor_config.json': '{}',
    'model.safetensors.index.json': JSON.stringify({ weight_map: { a: shards[0], b: shards[1] } }),
    [shards[0]!]: big(1),
    [shards[1]!]: big(2, 5000),
    'pytorch_model.bin': big(3),
    'modeling.py': 'raise SystemExit',
  },
})

async function start(t: Test, repositories: Record<string, ServedRepository>) {
  const hub = await HubServer.start(t, repositories)
  const pauses: number[] = []
  const environment: HubEnvironment = {
    endpoint: hub.endpoint,
    cache: join(t.testdir({}), 'cache'),
    offline: false,
    token: undefined,
    freeBytes: async () => 1e9,
    pause: async milliseconds => void pauses.push(milliseconds),
  }
  return { hub, environment, pauses }
}

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

t.test('a server that gives up keeps what came; the next run goes on', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  let away = false
  hub.mischief = (request, response) => {
    if (!request.url!.includes(`cdn/owner/model/${shards[0]}`)) return false
    if (away) return fail(response, 503)
    away = true
    response.writeHead(200, { 'content-length': 300_000 })
    response.write(big(1, 100_000), () => request.socket.end())
    return true
  }
  const failed = { code: 'DOWNLOAD_FAILED', message: /status 503.*try again later.*is kept/ }
  await t.rejects(resolveModel('owner/model', {}, environment), failed)
  const blobs = join(environment.cache, 'models--owner--model/blobs')
  const partial = readdirSync(blobs).find(name => name.endsWith('.incomplete'))!
  const { size } = lstatSync(join(blobs, partial))
  t.ok(size > 0)
  hub.mischief = () => false
  hub.requests.length = 0
  await resolveModel('owner/model', {}, environment)
  t.same(hub.fetched(shards[0]!), [`bytes=${size}-`])
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

t.test('a wrong checksum', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  const wrong = (length: number) => {
    hub.mischief = (request, response) => {
      if (!request.url!.includes(`cdn/owner/model/${shards[1]}`)) return false
      response.end(big(9, length))
      return true
    }
  }
  wrong(5000)
  const failed = (message: RegExp) => ({ code: 'DOWNLOAD_FAILED', message })
  await t.rejects(
    resolveModel('owner/model', {}, environment),
    failed(/sha256 checksum .* is deleted, download it again/),
  )
  const blobs = join(environment.cache, 'models--owner--model/blobs')
  t.notOk(readdirSync(blobs).some(name => name.endsWith('.incomplete')))
  wrong(9000)
  await t.rejects(resolveModel('owner/model', {}, environment), failed(/more than the 5000 bytes/))
})

t.test('what may not be read, is not there or asks to wait', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  const withToken = { ...environment, token: 'hf_secret' }
  const status = (status: number, given = environment) => {
    hub.mischief = (_, response) => fail(response, status)
    return resolveModel('owner/model', {}, given)
  }
  const missing = (message: RegExp) => ({ code: 'MODEL_NOT_FOUND', message })
  await t.rejects(status(401), missing(/private or gated.*HF_TOKEN/))
  await t.rejects(status(401, withToken), missing(/does not take the token/))
  await t.rejects(status(403, withToken), missing(/gated: ask for access on http.*owner\/model/))
  await t.rejects(status(404), missing(/no such repository or revision "main"/))
  await t.rejects(status(429), { code: 'DOWNLOAD_FAILED', message: /too many requests/ })
  await t.rejects(status(500), { code: 'DOWNLOAD_FAILED', message: /status 500/ })
  t.same([...hub.tokens], [undefined, 'Bearer hf_secret'])
})

t.test('waits as long as it is asked to', async t => {
  const { hub, environment, pauses } = await start(t, { 'owner/model': sharded() })
  let asked = false
  hub.mischief = (request, response) => {
    if (asked || !request.url!.includes(`cdn/owner/model/${shards[0]}`)) return false
    asked = true
    response.setHeader('retry-after', '7')
    return fail(response, 429)
  }
  await resolveModel('owner/model', {}, environment)
  t.same(pauses, [7000])
})

t.test('no network', async t => {
  const { environment } = await start(t, { 'owner/model': sharded() })
  const away = { ...environment, endpoint: 'http://127.0.0.1:9' }
  await t.rejects(resolveModel('owner/model', {}, away), {
    code: 'DOWNLOAD_FAILED',
    message: /cannot be reached.*check the connection/,
  })
  const { path } = await resolveModel('owner/model', {}, environment)
  t.equal((await resolveModel('owner/model', {}, away)).path, path, 'what is there serves')
  await t.rejects(resolveModel('owner/other', {}, { ...environment, offline: true }), {
    code: 'MODEL_NOT_FOUND',
    message: /HF_HUB_OFFLINE forbids/,
  })
})

t.test('a full disk is known before and seen while', async t => {
  const { environment } = await start(t, { 'owner/model': sharded() })
  const full = { ...environment, freeBytes: async () => 100_000 }
  await t.rejects(resolveModel('owner/model', {}, full), {
    code: 'DOWNLOAD_FAILED',
    message: /are to come.*make room or set HF_HUB_CACHE/,
  })
  const blocked = { ...environment, cache: join(t.testdir({ file: '' }), 'file') }
  await t.rejects(resolveModel('owner/model', {}, blocked), { code: 'DOWNLOAD_FAILED' })
})

t.test('an interrupted download', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  const controller = new AbortController()
  hub.mischief = (request, response) => {
    if (!request.url!.includes(`cdn/owner/model/${shards[0]}`)) return false
    response.writeHead(200, { 'content-length': 300_000 })
    response.write(big(1, 100_000), () => controller.abort())
    return true
  }
  const { signal } = controller
  await t.rejects(resolveModel('owner/model', { signal }, environment), { code: 'ABORTED' })
})

t.test('hostile answers of a hub', async t => {
  const { hub, environment } = await start(t, { 'owner/model': sharded() })
  const answer = (what: string, body: unknown) => {
    hub.mischief = (request, response) => {
      if (!request.url!.includes(what)) return false
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(body))
      return true
    }
    return resolveModel('owner/model', {}, environment)
  }
  const file = (name: string, oid: string) => ({ type: 'file', path: name, size: 1, oid })
  const nonsense = { code: 'DOWNLOAD_FAILED', message: /is HF_ENDPOINT a Hugging Face hub/ }
  await t.rejects(answer('/revision/', { sha: '../../etc' }), nonsense)
  await t.rejects(answer('/tree/', [file('config.json', '../../../x')]), nonsense)
  await t.rejects(answer('/tree/', {}), { code: 'DOWNLOAD_FAILED' })
  const outside = sharded()
  outside.files['model.safetensors.index.json'] = '{"weight_map":{"a":"../x.safetensors"}}'
  const second = await start(t, { 'owner/model': outside })
  await t.rejects(resolveModel('owner/model', {}, second.environment), {
    code: 'CHECKPOINT_INVALID',
    message: /a file beside it/,
  })
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
