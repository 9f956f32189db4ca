import { basename } from 'node:path'
import type { Frame as AvFrame, Stream } from 'node-av/lib'
import { DecodeError } from '../engine/errors.js'
import { Clock, type Ratio } from './clock.js'
import { Damage } from './damage.js'
import { decodePictures } from './decode.js'
import type { ClipExtent, ClipOptions, Frame, FrameAccess, FrameSource } from './frame.js'
import { FrameIndex, type IndexedFrame } from './frame-index.js'
import type { Libav } from './libav.js'
import { filePlace, type Media, type MediaPlace, networkPlace, openMedia } from './media.js'
import { type Orientation, orient, readDisplayMatrix } from './orientation.js'
import { MAX_FRAME_SIDE } from './pixels.js'
import { RgbConverter } from './rgb.js'
import { warnProcess } from './warning.js'

/**
 * Where a container is entered, in frames before the keyframe. Some (MPEG-TS) go by the times of decoding,
 * which are earlier than those of showing, and would be entered behind it.
 */
const LEADS = [0, 16]

/** A decoded picture with its place in the clip. */
interface Placed extends IndexedFrame {
  picture: AvFrame
}

/** A video in a container, decoded as often as it is asked for. */
class Video implements FrameAccess {
  readonly #place: MediaPlace
  readonly #options: ClipOptions
  #index: FrameIndex | null = null
  /** Of the first picture, as it is stored; all have it. */
  #size: { width: number; height: number } | null = null
  /** As the first picture says it or, where it does not, the container. */
  #orientation: Orientation | null | undefined
  /** Several passes meet the same damage. */
  #told = false

  constructor(place: MediaPlace, options: ClipOptions) {
    this.#place = place
    this.#options = options
  }

  /** Frames from the first one on. */
  async *frames(): AsyncGenerator<Frame> {
    const media = await openMedia(this.#place)
    const converter = new RgbConverter(media.av, media.name)
    let index = 0
    let since = performance.now()
    try {
      for await (const { picture, timeNs } of this.#pictures(media)) {
        const image = await this.#show(media, converter, picture)
        yield { ...image, index: index++, timeNs, decodeMs: performance.now() - since }
        since = performance.now()
      }
    } finally {
      converter.free()
      await media.input.closeInput()
    }
  }

  async count(): Promise<ClipExtent> {
    const media = await openMedia(this.#place)
    const frames: IndexedFrame[] = []
    let failure: unknown = null
    try {
      for await (const { stamp, timeNs, key } of this.#pictures(media)) {
        frames.push({ stamp, timeNs, key })
      }
    } catch (error) {
      if (frames.length === 0) throw error
      failure = error
    } finally {
      await media.input.closeInput()
    }
    this.#index = new FrameIndex(frames)
    return { frameCount: frames.length, failure }
  }

  startFor(index: number): number {
    return this.#index?.keyBefore(index) ?? 0
  }

  async *from(start: number): AsyncGenerator<Frame> {
    let next = start
    for (const lead of LEADS) {
      if (next > start) break
      for await (const frame of this.#sought(start, lead)) {
        yield frame
        next = frame.index + 1
      }
    }
    if (this.#index && next >= this.#index.length) return
    // The container led elsewhere than decoding from the start does.
    for await (const frame of this.frames()) if (frame.index >= next) yield frame
  }

  /**
   * Frames from a keyframe on, as long as they are those of the index.
   *
   * @param lead frames before the keyframe at which the container is entered.
   */
  async *#sought(start: number, lead: number): AsyncGenerator<Frame> {
    const index = this.#index
    const stamp = index?.at(Math.max(0, start - lead))?.stamp
    if (!index || start === 0 || stamp === undefined || stamp === null) return
    const media = await openMedia(this.#place)
    const { av, name, input, stream } = media
    const converter = new RgbConverter(av, name)
    let next = start
    let since = performance.now()
    try {
      if ((await input.seekFrame(stream.index, stamp, av.AVSEEK_FLAG_BACKWARD)) < 0) return
      for await (const picture of decodePictures(media, new Damage(name, false))) {
        const number = index.find(stampOf(av, picture))
        // Pictures before the keyframe may lean on what was not decoded.
        if (next === start && (number === undefined || number < start)) continue
        if (number !== next) return
        const { timeNs } = index.at(number)!
        const image = await this.#show(media, converter, picture)
        yield { ...image, index: next++, timeNs, decodeMs: performance.now() - since }
        since = performance.now()
      }
    } finally {
      converter.free()
      await input.closeInput()
    }
  }

  /** Decodes from where the container stands and says what was lost on the way. */
  async *#pictures(media: Media): AsyncGenerator<Placed> {
    const { onDecodeError = 'skip', onWarning = warnProcess } = this.#options
    const { av, name, stream } = media
    const damage = new Damage(name, onDecodeError === 'fail')
    const clock = new Clock(stream.timeBase, frameRateOf(stream))
    let frames = 0
    try {
      for await (const picture of decodePictures(media, damage)) {
        this.#checkSize(picture, frames)
        frames++
        const stamp = stampOf(av, picture)
        const timeNs = clock.next(stamp, picture.duration)
        yield { picture, stamp, timeNs, key: picture.keyFrame === 1 }
      }
      damage.checkEnd(frames, tableLength(media))
    } finally {
      const silent = this.#told || damage.stops || frames === 0
      const warning = silent ? null : damage.warning(frames)
      if (warning) onWarning(warning)
      this.#told ||= warning !== null
    }
  }

  /** The picture as it is to be shown, in RGB. */
  async #show(media: Media, converter: RgbConverter, picture: AvFrame) {
    const { av, stream } = media
    if (this.#orientation === undefined) {
      const matrix =
        picture.getSideData(av.AV_FRAME_DATA_DISPLAYMATRIX) ??
        stream.codecpar.getCodedSideData(av.AV_PKT_DATA_DISPLAYMATRIX)
      this.#orientation = matrix && readDisplayMatrix(matrix)
    }
    const aspect = quotient(stream.sampleAspectRatio) ?? quotient(picture.sampleAspectRatio) ?? 1
    const image = { ...(await converter.convert(picture)), pixelAspect: aspect }
    return this.#orientation ? orient(image, this.#orientation) : image
  }

  #checkSize({ width, height }: AvFrame, frame: number): void {
    const name = this.#place.name
    if (width < 1 || height < 1 || width > MAX_FRAME_SIDE || height > MAX_FRAME_SIDE) {
      throw new DecodeError(
        `${name}: frame ${frame} is ${width}x${height}; sides must lie in 1..${MAX_FRAME_SIDE}`,
      )
    }
    this.#size ??= { width, height }
    if (width !== this.#size.width || height !== this.#size.height) {
      throw new DecodeError(
        `${name}: frame ${frame} is ${width}x${height}, but the video began with ${this.#size.width}x${this.#size.height}; all frames must have one size`,
      )
    }
  }
}

function stampOf(av: Libav, { bestEffortTimestamp }: AvFrame): bigint | null {
  return bestEffortTimestamp === av.AV_NOPTS_VALUE ? null : bestEffortTimestamp
}

const quotient = ({ num, den }: Ratio): number | null => (num > 0 && den > 0 ? num / den : null)

const frameRateOf = ({ avgFrameRate, rFrameRate }: Stream): number | null =>
  quotient(avgFrameRate) ?? quotient(rFrameRate)

/** Pictures that an MP4's table lists; the headers of other containers guess. */
const tableLength = ({ input, stream }: Media): number =>
  input.iformat?.name?.startsWith('mov') ? Number(stream.nbFrames) : 0

/**
 * Reads the best video stream of a file. Frames are turned and mirrored as the stream or its
 * container says they are to be shown. What is damaged is passed over and told.
 *
 * @throws DECODE_FAILED for a file that is no video or has none.
 */
export async function openVideoFile(path: string, options: ClipOptions = {}): Promise<FrameSource> {
  const place = filePlace(path)
  const { stream, input } = await openMedia(place)
  const [expected, frameRate] = [Number(stream.nbFrames), frameRateOf(stream)]
  await input.closeInput()
  const video = new Video(place, options)
  return {
    frameCount: null,
    expectedFrames: expected > 0 ? expected : null,
    frameRate,
    name: basename(path),
    access: video,
    [Symbol.asyncIterator]: () => video.frames(),
  }
}

/** Reads the best video stream of a place on the network, opened when the iteration begins. */
export function openVideoUrl(url: string, options: ClipOptions = {}): FrameSource {
  const video = new Video(networkPlace(url), options)
  return {
    frameCount: null,
    expectedFrames: null,
    frameRate: null,
    name: url,
    access: null,
    [Symbol.asyncIterator]: () => video.frames(),
  }
}
