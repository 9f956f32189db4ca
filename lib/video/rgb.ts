import type { Frame as AvFrame, SoftwareScaleContext } from 'node-av/lib'
import { check, type Libav } from './libav.js'
import { copyRows, type RgbImage } from './pixels.js'

/** Converts decoded pictures of one size, of any pixel format and matrix, to packed RGB. */
export class RgbConverter {
  readonly #av: Libav
  readonly #name: string
  readonly #scaler: SoftwareScaleContext
  #target: AvFrame | undefined

  /** @param name of the file, for messages. */
  constructor(av: Libav, name: string) {
    this.#av = av
    this.#name = name
    this.#scaler = new av.SoftwareScaleContext()
    // Left uninitialised: each conversion then follows the frame's own format, matrix and range.
    this.#scaler.allocContext()
    this.#scaler.setOption('sws_flags', 'bicubic+accurate_rnd+full_chroma_int')
  }

  async convert(source: AvFrame): Promise<RgbImage> {
    const { width, height } = source
    this.#target ??= this.#allocate(width, height)
    check(this.#av, await this.#scaler.scaleFrame(this.#target, source), this.#name, 'converting')
    const data = new Uint8Array(width * height * 3)
    copyRows(this.#target.data![0]!, this.#target.linesize[0]!, data, width * 3, height)
    return { data, width, height }
  }

  #allocate(width: number, height: number): AvFrame {
    const target = new this.#av.Frame()
    target.alloc()
    target.width = width
    target.height = height
    target.format = this.#av.AV_PIX_FMT_RGB24
    check(this.#av, target.getBuffer(0), this.#name, 'allocating a picture')
    return target
  }

  free(): void {
    this.#target?.free()
    this.#scaler.freeContext()
  }
}
