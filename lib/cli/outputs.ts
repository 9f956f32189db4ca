import { stat } from 'node:fs/promises'
import { basename, parse } from 'node:path'
import type { Sink } from '../formats/sink.js'
import { openSinks, type SinkName } from '../labels/sinks.js'
import type { ClipOptions } from '../video/frame.js'
import { listImages, PICTURE_FRAME_RATE } from '../video/images.js'
import { openClip } from '../video/source.js'

export interface OutputFlags {
  output: string
  format: SinkName[]
}

/** What every command writes that follows objects through a clip. */
const ALWAYS: readonly SinkName[] = ['points', 'masks', 'rle', 'overlay']

/** The outputs of a clip, which is named after its source, its pictures after their files. */
export async function openOutputs(
  source: string,
  query: string,
  { output, format }: OutputFlags,
  options: ClipOptions = {},
): Promise<Sink> {
  const { frameRate } = await openClip(source, options)
  const isFolder = (await stat(source)).isDirectory()
  const name = isFolder ? basename(source) : parse(source).name
  const pictures = isFolder ? await listImages(source, options) : null
  return openSinks(output, [...ALWAYS, ...format], {
    query,
    frameRate: frameRate ?? PICTURE_FRAME_RATE,
    name,
    source: basename(source),
    fileNames: pictures?.map(path => `${name}/${basename(path)}`) ?? null,
  })
}
