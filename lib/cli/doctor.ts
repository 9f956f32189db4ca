import { access, stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { InternalError } from '../engine/errors.js'
import { addon } from '../engine/loader.js'
import { FAMILIES } from '../families/index.js'
import { hubEnvironment } from '../hub/environment.js'
import { EMBEDDED, packageVersion } from '../load/settings.js'
import { libav } from '../video/libav.js'
import { type CommandContext, EXIT } from './context.js'
import { withJson } from './options.js'

interface Finding {
  name: string
  ok: boolean
  detail: string
}

export function addDoctorCommand(program: Command, context: CommandContext): void {
  withJson(
    program.command('doctor').description('checks what the library needs on this machine'),
  ).action((flags: { json?: boolean }) => doctor(flags, context))
}

async function attempt(name: string, check: () => Promise<string> | string): Promise<Finding> {
  try {
    return { name, ok: true, detail: await check() }
  } catch (error) {
    return { name, ok: false, detail: (error as Error).message }
  }
}

function describeCuda(): string {
  const { built, devices, driverVersion, reason } = addon().cuda()
  if (!built) return 'this build has no CUDA part'
  if (devices.length === 0) return `none (${reason ?? 'no device'})`
  const names = devices.map(({ name, computeCapability, totalBytes }) => {
    const size = `${(totalBytes / 2 ** 30).toFixed(0)} GiB`
    const old = Number(computeCapability) < 8 ? ', too old: the kernels need 8.0' : ''
    return `${name}, ${size}, compute capability ${computeCapability}${old}`
  })
  return `${names.join('; ')}; driver ${driverVersion}; used with --device cuda (docs/status.md)`
}

function describeCublasLt(): string {
  const { cublasLt } = addon().cuda()
  if ('version' in cublasLt) return `${cublasLt.version} (${cublasLt.path})`
  return `not used: our own matrix products take its place. ${cublasLt.reason}`
}

/** Where downloaded models lie, and how their weights are read there. */
async function describeCache(): Promise<string> {
  const { cache, offline, endpoint, freeBytes } = await hubEnvironment()
  const from = offline ? 'offline' : endpoint
  const there = await stat(cache).catch(() => undefined)
  if (!there) return `${cache}, not there yet; ${from}`
  const room = `${((await freeBytes(cache)) / 2 ** 30).toFixed(0)} GiB free`
  const access = addon().isRemoteFile(cache)
    ? 'on a remote file system: weights are read into memory, not mapped'
    : 'weights are mapped'
  return `${cache}, ${room}, ${access}; ${from}`
}

/** The families of the table, those that the engine lacks named. */
function describeFamilies(): string {
  const { pointer, segmenter } = addon().families()
  const known = new Set([...pointer, ...segmenter])
  const missing = FAMILIES.filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (missing.length > 0) throw new InternalError(`the engine does not know ${missing.join(', ')}`)
  return FAMILIES.map(({ kind, title, files }) => {
    const beside = files.length > 0 ? ` with ${files.join(', ')}` : ''
    return `${kind}: ${title} (weights${beside})`
  }).join('; ')
}

async function findings(): Promise<Finding[]> {
  return [
    await attempt('package', async () => `videomolmo ${await packageVersion()}`),
    await attempt('node', () => `${process.version}, ${process.platform}-${process.arch}`),
    await attempt('engine', () => {
      const { selected, available, cores } = addon().cpu()
      return `${addon().version()}, CPU kernels ${selected} of ${available.join(', ')}, ${cores} cores`
    }),
    await attempt('cuda', describeCuda),
    await attempt('cuBLASLt', describeCublasLt),
    await attempt('video', async () => {
      const av = await libav()
      return `FFmpeg through node-av, H.264 encoder ${av.Codec.findEncoderByName('libx264' as never) ? 'found' : 'missing, overlays are MPEG-4'}`
    }),
    await attempt(
      'pictures',
      async () => `sharp ${(await import('sharp')).default.versions.sharp}`,
    ),
    await attempt('model cache', describeCache),
    await attempt('families', describeFamilies),
    await attempt('embedded models', async () => {
      await Promise.all(Object.values(EMBEDDED).map(path => access(path)))
      return Object.values(EMBEDDED).join(', ')
    }),
  ]
}

const ADVICE = `
The embedded models are there for trying and testing the library: they know drawn shapes on plain
backgrounds and nothing else. For real videos bring checkpoints:
  videomolmo ground clip.mp4 "..." --pointer ghazishazan/VideoMolmo --segmenter facebook/sam2.1-hiera-large
They are fetched from the Hugging Face hub; docs/checkpoints.md says how, and what folders may hold.`

async function doctor(flags: { json?: boolean }, { print }: CommandContext): Promise<void> {
  const found = await findings()
  if (flags.json) print(JSON.stringify(found))
  else {
    for (const { name, ok, detail } of found)
      print(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(16)} ${detail}`)
    print(ADVICE)
  }
  if (found.some(({ ok }) => !ok)) process.exitCode = EXIT.failed
}
