import { join } from 'node:path'
import type { Test } from 'tap'
import type { HubEnvironment } from '../../lib/hub/environment.js'
import { HubServer, type ServedRepository } from './hub-server.js'

export const COMMIT = 'c0de'.repeat(10)
export const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
export const big = (byte: number, length = 300_000) => Buffer.alloc(length, byte)

/** A sharded model with everything that must not be fetched beside it. */
export const sharded = (): ServedRepository => ({
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

/** A hub that serves these, and a machine with an empty cache before it. */
export async function start(t: Test, repositories: Record<string, ServedRepository>) {
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
