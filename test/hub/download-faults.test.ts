import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { resolveModel } from '../../lib/hub/resolve.js'
import { big, sharded, shards, start } from '../support/hub.js'
import { fail } from '../support/hub-server.js'

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
