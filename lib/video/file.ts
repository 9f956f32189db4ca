import { basename } from 'node:path'
import type {
  Frame as AvFrame,
  CodecContext,
  FormatContext,
  Packet,
  SoftwareScaleContext,
  Stream,
} from 'node-av/lib'
import { DecodeError } from '../engine/errors.js'
import type { Frame, FrameSource } from './frame.js'
import { type Libav, libav } from './libav.js'
import { orient, readDisplayMatrix } from './orientation.js'
import { copyRows, MAX_FRAME_SIDE } from './pixels.js'

/** A demuxer and decoder positioned at the first frame of a file's video stream. */
interface OpenFile {
  av: Libav
  path: string
  input: FormatContext
  stream: Stream
  decoder: CodecContext
}

function check(av: Libav, code: number, path: string, doing: string): void {
  if (code >= 0) return
  const reason = av.FFmpegError.strerror(code)
  throw new DecodeError(`${path}: ${doing} failed: ${reason}`)
}

async function open(path: string): Promise<OpenFile> {
  const av = await libav()
  const input = new av.FormatContext()
  check(av, await input.openInput(path), path, 'opening')
  try {
    check(av, await input.findStreamInfo(null), path, 'reading the stream headers')
    const index = input.findBestStream(av.AVMEDIA_TYPE_VIDEO, -1, -1)
    const stream = index >= 0 ? input.streams[index] : undefined
    if (!stream) throw new DecodeError(`${path}: the file has no video stream`)
    const decoder = await openDecoder(av, stream, path)
    return { av, path, input, stream, decoder }
  } catch (error) {
    await input.closeInput()
    throw error
  }
}

async function openDecoder(av: Libav, stream: Stream, path: string): Promise<CodecContext> {
  const codec = av.Codec.findDecoder(stream.codecpar.codecId)
  if (!codec) {
    throw new DecodeError(`${path}: no decoder for codec number ${stream.codecpar.codecId}`)
  }
  const decoder = new av.CodecContext()
  decoder.allocContext3(codec)
  try {
    check(av, decoder.parametersToContext(stream.codecpar), path, 'configuring the decoder')
    decoder.pktTimebase = stream.timeBase
    decoder.threadCount = 0
    check(av, await decoder.open2(codec, null), path, 'opening the decoder')
    return decoder
  } catch (error) {
    decoder.freeContext()
    throw error
  }
}

/** Converts decoded pictures of any pixel format and matrix to packed RGB. */
class RgbConverter {
  readonly #av: Libav
  readonly #path: string
  readonly #scaler: SoftwareScaleContext
  #target: AvFrame | undefined

  constructor(av: Libav, path: string) {
    this.#av = av
    this.#path = path
    this.#scaler = new av.SoftwareScaleContext()
    // Left uninitialised: each conversion then follows the frame's own format, matrix and range.
    this.#scaler.allocContext()
    this.#scaler.setOption('sws_flags', 'bicubic+accurate_rnd+full_chroma_int')
  }

  async convert(source: AvFrame): Promise<Uint8Array> {
    const { width, height } = source
    this.#target ??= this.#allocate(width, height)
    check(this.#av, await this.#scaler.scaleFrame(this.#target, source), this.#path, 'converting')
    const rgb = new Uint8Array(width * height * 3)
    copyRows(this.#target.data![0]!, this.#target.linesize[0]!, rgb, width * 3, height)
    return rgb
  }

  #allocate(width: number, height: number): AvFrame {
    const target = new this.#av.Frame()
    target.alloc()
    target.width = width
    target.height = height
    target.format = this.#av.AV_PIX_FMT_RGB24
    check(this.#av, target.getBuffer(0), this.#path, 'allocating a picture')
    return target
  }

  free(): void {
    this.#target?.free()
    this.#scaler.freeContext()
  }
}

/** Decoded pictures, still in the codec's own format; each is valid until the next is asked for. */
async function* decodedPictures(file: OpenFile): AsyncGenerator<AvFrame> {
  const { av, path, input, stream, decoder } = file
  const packet: Packet = new av.Packet()
  const picture: AvFrame = new av.Frame()
  packet.alloc()
  picture.alloc()
  try {
    for (let ended = false; !ended; ) {
      const read = await input.readFrame(packet)
      ended = read === av.AVERROR_EOF
      if (!ended) check(av, read, path, 'reading')
      if (!ended && packet.streamIndex !== stream.index) {
        packet.unref()
        continue
      }
      const sent = await decoder.sendPacket(ended ? null : packet)
      packet.unref()
      if (sent !== av.AVERROR_EOF) check(av, sent, path, 'decoding')
      for (;;) {
        const received = await decoder.receiveFrame(picture)
        if (received === av.AVERROR_EAGAIN || received === av.AVERROR_EOF) break
        check(av, received, path, 'decoding')
        yield picture
        picture.unref()
      }
    }
  } finally {
    picture.free()
    packet.free()
  }
}

async function* frames(path: string): AsyncGenerator<Frame> {
  const file = await open(path)
  const { av, stream, decoder, input } = file
  const converter = new RgbConverter(av, path)
  const matrix = stream.codecpar.getCodedSideData(av.AV_PKT_DATA_DISPLAYMATRIX)
  const orientation = matrix && readDisplayMatrix(matrix)
  const { num, den } = stream.timeBase
  let index = 0
  let size: { width: number; height: number } | undefined
  let start: bigint | undefined
  let since = performance.now()
  try {
    for await (const picture of decodedPictures(file)) {
      const { width, height } = picture
      size ??= { width, height }
      checkPicture(path, index, size, picture)
      const pts = picture.bestEffortTimestamp
      start ??= pts
      const timeNs = ((pts - start) * BigInt(num) * 1_000_000_000n) / BigInt(den)
      const stored = { data: await converter.convert(picture), width, height }
      const image = orientation ? orient(stored, orientation) : stored
      yield { index, timeNs, ...image, decodeMs: performance.now() - since }
      index++
      since = performance.now()
    }
  } finally {
    converter.free()
    decoder.freeContext()
    await input.closeInput()
  }
}

function checkPicture(
  path: string,
  index: number,
  first: { width: number; height: number },
  picture: { width: number; height: number },
): void {
  const { width, height } = picture
  if (width < 1 || height < 1 || width > MAX_FRAME_SIDE || height > MAX_FRAME_SIDE) {
    throw new DecodeError(
      `${path}: frame ${index} is ${width}x${height}; sides must lie in 1..${MAX_FRAME_SIDE}`,
    )
  }
  if (width !== first.width || height !== first.height) {
    throw new DecodeError(
      `${path}: frame ${index} is ${width}x${height}, but the video began with ${first.width}x${first.height}; all frames must have one size`,
    )
  }
}

/**
 * Reads the best video stream of a file. Frames are turned and mirrored as the container
 * says they are to be shown, as FFmpeg's own tools do it.
 *
 * @throws DECODE_FAILED for a file that FFmpeg cannot open or decode, or that has no video.
 */
export async function openVideoFile(path: string): Promise<FrameSource> {
  const { stream, decoder, input } = await open(path)
  const count = Number(stream.nbFrames)
  const rate = stream.avgFrameRate
  decoder.freeContext()
  const frameCount = count > 0 ? count : null
  const frameRate = rate.num > 0 && rate.den > 0 ? rate.num / rate.den : null
  await input.closeInput()
  return {
    frameCount,
    frameRate,
    name: basename(path),
    reopen: () => openVideoFile(path),
    [Symbol.asyncIterator]: () => frames(path),
  }
}
