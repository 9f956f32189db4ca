import t from 'tap'
import { groundSettings, pointSettings } from '../../lib/ground/options.js'

t.test('defaults are those of the paper', async t => {
  t.match(groundSettings({}, 4), {
    keyframeEvery: 5,
    tau: 0.7,
    contextFrames: 4,
    fusion: 'bidirectional',
  })
  t.match(pointSettings({}, 4, 10), { keyframeEvery: 10, maxNewTokens: 300 })
})

t.test('bad options are named', async t => {
  const bad = [
    [{ keyframeEvery: 0 }, /keyframeEvery .* at least 1, got 0/],
    [{ keyframeEvery: -5 }, /keyframeEvery .* got -5/],
    [{ keyframeEvery: 2.5 }, /keyframeEvery .* got 2\.5/],
    [{ tau: 1.01 }, /tau .* 0\.\.1, got 1\.01/],
    [{ tau: -0.1 }, /tau/],
    [{ tau: Number.NaN }, /tau/],
    [{ contextFrames: 5 }, /contextFrames .* 0\.\.4, got 5/],
    [{ contextFrames: -1 }, /contextFrames/],
    [{ maxNewTokens: 0 }, /maxNewTokens/],
    [{ maxFrames: 0 }, /maxFrames/],
    [{ fusion: 'both' as 'larger' }, /fusion must be one of bidirectional.* got "both"/],
    [{ signal: {} as AbortSignal }, /signal/],
  ] as const
  for (const [options, message] of bad) {
    t.throws(() => groundSettings(options, 4), { code: 'INVALID_ARGUMENT', message })
  }
})
