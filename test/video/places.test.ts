import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { VideoWriter } from '../../lib/video/writer.js'
import { fixturePath } from '../support/fixtures.js'
import { readClip } from '../support/frames.js'

/** A video of gray frames. */
async function writeGray(path: string, frames: number): Promise<void> {
  const writer = await VideoWriter.open(path, 32, 16, 30)
  const image = { data: new Uint8Array(32 * 16 * 3).fill(128), width: 32, height: 16 }
  for (let i = 0; i < frames; i++) await writer.write(image)
  await writer.close()
}

t.test('a path is a path, whatever its name looks like', async t => {
  const folder = t.testdir()
  const before = process.cwd()
  process.chdir(folder)
  t.teardown(() => process.chdir(before))
  await writeGray('x.mp4', 3)
  for (const name of [
    '2026-12-01T10:00:00.mp4',
    'file:x.mp4',
    'concat:x.mp4|x.mp4',
    'clip%03d.mp4',
    'clip*.mp4',
  ]) {
    await writeGray(name, 5)
    const { frames, error } = await readClip(name)
    t.same([frames.length, error], [5, null], name)
    await copyFile(name, join(folder, 'copy.mp4'))
    t.equal((await readClip(join(folder, name))).frames.length, 5, `${name}, whole path`)
  }
  t.match((await readClip('pipe:0')).error, { code: 'DECODE_FAILED', message: /no such file/ })
})

t.test('texts that name other files, and drawn ones, are no videos', async t => {
  for (const name of ['dash.mp4', 'concat.mp4', 'hls.m3u8', 'screen.txt']) {
    const { frames, error } = await readClip(fixturePath(`video/${name}`))
    t.equal(frames.length, 0)
    t.match(error, { code: 'DECODE_FAILED', message: /not a video of a kind that can be read/ })
  }
  const other = fixturePath('video/other.ts')
  t.equal((await readClip(other)).frames.length, 6, 'what they name is one')
  const folder = t.testdir({
    'sdp.mp4':
      'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
    'list.mp4': `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.2,\nfile://${other}\n#EXT-X-ENDLIST\n`,
    'up.ffconcat': `ffconcat version 1.0\nfile '../${other}'\n`,
  })
  for (const name of ['sdp.mp4', 'list.mp4', 'up.ffconcat']) {
    t.match((await readClip(join(folder, name))).error, { code: 'DECODE_FAILED' }, name)
  }
})

t.test('a song has no video; its cover is none', async t => {
  const { frames, error } = await readClip(fixturePath('video/song-with-cover.mp3'))
  t.equal(frames.length, 0)
  t.match(error, { code: 'DECODE_FAILED', message: /no video stream/ })
})

t.test('an output path is a path too', async t => {
  const path = join(t.testdir({ 'run:1': {} }), 'run:1', 'http:overlay.mp4')
  await writeGray(path, 4)
  t.equal((await readClip(path)).frames.length, 4)
})

t.test('the network is read where the caller says so', async t => {
  const video = await readFile(fixturePath('video/other.ts'))
  const local = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.2,\nfile://${fixturePath('video/other.ts')}\n#EXT-X-ENDLIST\n`
  const server = createServer(({ url }, response) => {
    response.end(url === '/clip.ts' ? video : local)
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { frames, error } = await readClip({ url: `${at}/clip.ts` })
  t.same([frames.length, error], [6, null])
  t.match(
    (await readClip({ url: `${at}/list.m3u8` })).error,
    { code: 'DECODE_FAILED' },
    'what comes from there leads to no file of this machine',
  )
  t.match((await readClip(`${at}/clip.ts`)).error, { code: 'DECODE_FAILED' }, 'a string is a path')
  const invalid = { code: 'INVALID_ARGUMENT', message: /url/ }
  t.match((await readClip(new URL(`${at}/clip.ts`))).error, invalid)
  for (const url of ['clip.mp4', 'file:///clip.mp4', 'FILE://clip.mp4', '']) {
    t.match((await readClip({ url })).error, invalid, url)
  }
})

t.test('a file of another kind under a video name', async t => {
  const path = join(t.testdir(), 'page.mp4')
  await writeFile(path, '<!doctype html><title>Sign in</title>')
  t.match((await readClip(path)).error, { code: 'DECODE_FAILED', message: /page\.mp4/ })
})
