import { rename, rm } from 'node:fs/promises'
import type {
  Frame as AvFrame,
  CodecContext,
  FormatContext,
  Packet,
  SoftwareScaleContext,
  Stream,
} from 'node-av/lib'
import { DecodeError, InvalidArgumentError } from '../engine/errors.js'
import { check, type Libav, libav } from './libav.js'
import type { RgbImage } from './pixels.js'

/** H.264 where FFmpeg was built with it, else the encoder that every build has. */
const ENCODERS = [
  { name: 'libx264', options: { crf: '20', preset: 'veryfast' } },
  { name: 'mpeg4', options: { qscale: '3' } },
]

/** Ticks per second: whole numbers of them for the usual frame rates, and MPEG-4's limit is 65535. */
const TICKS = 60_000

const DOING = 'writing'

/**
 * Writes RGB frames to an MP4 file (H.264, else MPEG-4 part 2; 4:2:0, BT.709). The file is written
 * beside its place and renamed by `close`, so a whole file or none is seen. An odd last row or
 * column is repeated once, since 4:2:0 needs even sides.
 */
export class VideoWriter {
  readonly #av: Libav
  readonly #path: string
  readonly #size: { width: number; height: number }
  readonly #frameRate: number
  readonly #output: FormatContext
  readonly #stream: Stream
  readonly #encoder: CodecContext
  readonly #scaler: SoftwareScaleContext
  readonly #packet: Packet
  #written = 0
  /** Time of the first frame, where it was given. */
  #start: bigint | undefined
  /** Time of the last frame in ticks. */
  #last = -1
  #open = true

  private constructor(
    av: Libav,
    path: string,
    size: { width: number; height: number },
    frameRate: number,
    output: FormatContext,
    stream: Stream,
    encoder: CodecContext,
  ) {
    this.#av = av
    this.#path = path
    this.#size = size
    this.#frameRate = frameRate
    this.#output = output
    this.#stream = stream
    this.#encoder = encoder
    this.#scaler = new av.SoftwareScaleContext()
    this.#scaler.allocContext()
    this.#packet = new av.Packet()
    this.#packet.alloc()
  }

  /**
   * @param path of the finished file, ending in .mp4.
   * @param frameRate frames per second, of frames that come without their time.
   * @param pixelAspect width of a pixel over its height, as players shall show it.
   * @throws DECODE_FAILED when FFmpeg cannot write there or has no encoder.
   */
  static async open(
    path: string,
    width: number,
    height: number,
    frameRate: number,
    pixelAspect = 1,
  ): Promise<VideoWriter> {
    const av = await libav()
    const output = new av.FormatContext()
    // A path, whatever it looks like: without the prefix a colon in it would end a protocol's name.
    const place = `file:${partial(path)}`
    check(av, output.allocOutputContext2(null, 'mp4', place), path, DOING)
    check(av, await output.openOutput(), path, DOING)
    const stream = output.newStream(null)
    const encoder = await openEncoder(av, path, width, height, frameRate, pixelAspect)
    check(av, stream.codecpar.fromContext(encoder), path, DOING)
    stream.timeBase = encoder.timeBase
    stream.sampleAspectRatio = encoder.sampleAspectRatio
    check(av, await output.writeHeader(null), path, DOING)
    return new VideoWriter(av, path, { width, height }, frameRate, output, stream, encoder)
  }

  /**
   * Appends a frame of the size given to `open`.
   *
   * @param timeNs of the frame; the video begins with its first one. Default: the frame's number at
   * the frame rate.
   */
  async write(image: RgbImage, timeNs?: bigint): Promise<void> {
    const { width, height } = this.#size
    if (image.width !== width || image.height !== height) {
      throw new InvalidArgumentError(
        `a frame of ${width}x${height} was expected, got ${image.width}x${image.height}`,
      )
    }
    const picture = this.#toYuv(padToEven(image))
    picture.pts = BigInt(this.#tick(timeNs))
    try {
      this.#check(await this.#encoder.sendFrame(picture))
      await this.#drain()
    } finally {
      picture.free()
    }
  }

  /** The frame's time in ticks; times that do not rise are moved on by one. */
  #tick(timeNs: bigint | undefined): number {
    this.#start ??= timeNs
    const seconds =
      timeNs === undefined
        ? this.#written / this.#frameRate
        : Number(timeNs - this.#start!) / 1_000_000_000
    this.#written++
    this.#last = Math.max(this.#last + 1, Math.round(seconds * TICKS))
    return this.#last
  }

  #toYuv(image: RgbImage): AvFrame {
    const av = this.#av
    const rgb = av.Frame.fromVideoBuffer(
      Buffer.from(image.data.buffer, image.data.byteOffset, image.data.length),
      {
        width: image.width,
        height: image.height,
        format: av.AV_PIX_FMT_RGB24,
        timeBase: { num: 1, den: TICKS },
      },
    )
    const yuv = new av.Frame()
    yuv.alloc()
    yuv.width = image.width
    yuv.height = image.height
    yuv.format = av.AV_PIX_FMT_YUV420P
    yuv.colorSpace = av.AVCOL_SPC_BT709
    yuv.colorRange = av.AVCOL_RANGE_MPEG
    try {
      this.#check(yuv.getBuffer(0))
      this.#check(this.#scaler.scaleFrameSync(yuv, rgb))
    } finally {
      rgb.free()
    }
    return yuv
  }

  async #drain(): Promise<void> {
    const av = this.#av
    for (;;) {
      const received = await this.#encoder.receivePacket(this.#packet)
      if (received === av.AVERROR_EAGAIN || received === av.AVERROR_EOF) return
      this.#check(received)
      this.#packet.streamIndex = this.#stream.index
      // Without a duration the container ends before its last frame.
      this.#packet.duration = BigInt(Math.round(TICKS / this.#frameRate))
      this.#packet.rescaleTs(this.#encoder.timeBase, this.#stream.timeBase)
      this.#check(await this.#output.interleavedWriteFrame(this.#packet))
      this.#packet.unref()
    }
  }

  /** Finishes the file and puts it in its place; without a frame nothing is left behind. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    try {
      this.#check(await this.#encoder.sendFrame(null))
      await this.#drain()
      this.#check(await this.#output.writeTrailer())
    } finally {
      await this.#release()
    }
    if (this.#written > 0) await rename(partial(this.#path), this.#path)
    else await rm(partial(this.#path), { force: true })
  }

  #check(code: number): void {
    check(this.#av, code, this.#path, DOING)
  }

  async #release(): Promise<void> {
    this.#packet.free()
    this.#scaler.freeContext()
    this.#encoder.freeContext()
    await this.#output.closeOutput()
  }
}

const partial = (path: string) => `${path}.partial`

async function openEncoder(
  av: Libav,
  path: string,
  width: number,
  height: number,
  frameRate: number,
  pixelAspect: number,
): Promise<CodecContext> {
  for (const { name, options } of ENCODERS) {
    const codec = av.Codec.findEncoderByName(name as never)
    if (!codec) continue
    const encoder = new av.CodecContext()
    encoder.allocContext3(codec)
    encoder.width = width + (width & 1)
    encoder.height = height + (height & 1)
    encoder.pixelFormat = av.AV_PIX_FMT_YUV420P
    encoder.colorSpace = av.AVCOL_SPC_BT709
    encoder.colorRange = av.AVCOL_RANGE_MPEG
    encoder.timeBase = new av.Rational(1, TICKS)
    encoder.framerate = new av.Rational(Math.round(frameRate * 1000), 1000)
    const aspect = toRatio(pixelAspect)
    encoder.sampleAspectRatio = new av.Rational(aspect.num, aspect.den)
    encoder.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER)
    const opened = await encoder.open2(codec, av.Dictionary.fromObject(options))
    if (opened >= 0) return encoder
    encoder.freeContext()
  }
  throw new DecodeError(`${path}: FFmpeg has none of the encoders ${ENCODERS.map(e => e.name)}`)
}

/** The nearest ratio of small numbers, as containers have it. */
function toRatio(value: number): { num: number; den: number } {
  for (let den = 1; den < 1000; den++) {
    const num = Math.round(value * den)
    if (num > 0 && Math.abs(num / den - value) < 1e-6 * value) return { num, den }
  }
  return { num: Math.round(value * 10_000), den: 10_000 }
}

function padToEven(image: RgbImage): RgbImage {
  const { data, width, height } = image
  const [evenWidth, evenHeight] = [width + (width & 1), height + (height & 1)]
  if (evenWidth === width && evenHeight === height) return image
  const padded = new Uint8Array(evenWidth * evenHeight * 3)
  for (let y = 0; y < evenHeight; y++) {
    const row = Math.min(y, height - 1) * width * 3
    padded.set(data.subarray(row, row + width * 3), y * evenWidth * 3)
    const last = row + (width - 1) * 3
    if (evenWidth > width) padded.set(data.subarray(last, last + 3), (y * evenWidth + width) * 3)
  }
  return { data: padded, width: evenWidth, height: evenHeight }
}
