import type { Frame as AvFrame } from 'node-av/lib'
import { CodecContext } from 'node-av/lib'
import { libav } from '../../lib/video/libav.js'
import { VideoWriter } from '../../lib/video/writer.js'

/** Frames between two keyframes of what a VideoWriter writes: the encoder's own default. */
export const GROUP = 250

const SIDE = 32

/** Bytes of a frame of `writeNumbered`. */
export const FRAME_BYTES = SIDE * SIDE * 3

/**
 * Writes a clip of 32 x 32 frames with a patch whose gray value says their number. The noise around it
 * keeps the encoder from taking a change of the patch for a new scene.
 */
export async function writeNumbered(path: string, frames: number): Promise<void> {
  const writer = await VideoWriter.open(path, SIDE, SIDE, 30)
  const noise = Uint8Array.from({ length: FRAME_BYTES }, (_, at) => (at * at * 7919) % 251)
  for (let i = 0; i < frames; i++) {
    const data = noise.slice()
    for (let y = 0; y < 8; y++) data.fill(20 + (i % 200), y * SIDE * 3, y * SIDE * 3 + 24)
    await writer.write({ data, width: SIDE, height: SIDE })
  }
  await writer.close()
}

/** Counts the pictures that any decoder gives while `work` runs. */
export async function countDecoded(work: () => Promise<void>): Promise<number> {
  const av = await libav()
  const original = CodecContext.prototype.receiveFrame
  let decoded = 0
  CodecContext.prototype.receiveFrame = async function (picture: AvFrame) {
    const code = await original.call(this, picture)
    if (code >= 0 && code !== av.AVERROR_EAGAIN) decoded++
    return code
  }
  try {
    await work()
  } finally {
    CodecContext.prototype.receiveFrame = original
  }
  return decoded
}

/** Puts the packets of a video into another container, which the ending of `to` names. */
export async function remux(from: string, to: string): Promise<void> {
  const av = await libav()
  const input = new av.FormatContext()
  await input.openInput(from)
  await input.findStreamInfo(null)
  const source = input.streams[0]!
  const output = new av.FormatContext()
  output.allocOutputContext2(null, null, to)
  await output.openOutput()
  const stream = output.newStream(null)
  source.codecpar.copy(stream.codecpar)
  stream.codecpar.codecTag = 0
  await output.writeHeader(null)
  const packet = new av.Packet()
  packet.alloc()
  while ((await input.readFrame(packet)) >= 0) {
    packet.rescaleTs(source.timeBase, stream.timeBase)
    await output.interleavedWriteFrame(packet)
  }
  await output.writeTrailer()
  packet.free()
  await output.closeOutput()
  await input.closeInput()
}
