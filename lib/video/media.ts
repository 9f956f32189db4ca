import type { CodecContext, FormatContext, Stream } from 'node-av/lib'
import { DecodeError } from '../engine/errors.js'
import { check, type Libav, libav } from './libav.js'

/** Where FFmpeg reads from and what it may do there. */
export interface MediaPlace {
  /** For messages. */
  name: string
  url: string
  /** What FFmpeg may open, directly or on behalf of what it reads. */
  protocols: readonly string[]
  /** Containers that may be found there; null for all. */
  formats: readonly string[] | null
  /** The container, where its content does not matter. */
  format?: string
}

/**
 * Containers of moving pictures that hold all of themselves. What is not here names other files or
 * places (hls, dash, concat, sdp), reads a name as a pattern (image2) or draws a text (tty).
 */
const VIDEO_FORMATS = [
  ...['mov', 'matroska', 'avi', 'mpegts', 'mpeg', 'flv', 'asf', 'ogg', 'mxf', 'nut', 'rm', 'swf'],
  ...['wtv', 'dv', 'gxf', 'ivf', 'gif', 'apng', 'mjpeg', 'yuv4mpegpipe', 'mpegvideo', 'm4v'],
  ...['h261', 'h263', 'h264', 'hevc', 'vvc', 'av1', 'obu', 'vc1', 'cavsvideo', 'dirac'],
]

/** Files of sound are opened too, to say what they lack. */
const SOUND_FORMATS = ['mp3', 'flac', 'wav', 'aac', 'aiff', 'caf']

/** A video file. Its name is a path, whatever it looks like: nothing in it is a protocol. */
export const filePlace = (path: string): MediaPlace => ({
  name: path,
  url: `file:${path}`,
  protocols: ['file'],
  formats: [...VIDEO_FORMATS, ...SOUND_FORMATS],
})

/** A picture file of a known kind. */
export const picturePlace = (path: string, format: string): MediaPlace => ({
  ...filePlace(path),
  formats: [format],
  format,
})

const NETWORK = [
  ...['http', 'https', 'httpproxy', 'tcp', 'tls', 'udp', 'rtp', 'srtp', 'rtsp', 'rtsps', 'srt'],
  ...['rtmp', 'rtmps', 'rtmpt', 'mmsh', 'mmst', 'crypto', 'data'],
]

/** Something on the network, which may be a playlist but may not lead to a file of this machine. */
export const networkPlace = (url: string): MediaPlace => ({
  name: url,
  url,
  protocols: NETWORK,
  formats: null,
})

/** An open container and the stream of it that is shown. */
export interface Media {
  av: Libav
  name: string
  input: FormatContext
  stream: Stream
}

/** @throws DECODE_FAILED for what FFmpeg cannot open or may not, and for what has no video. */
export async function openMedia(place: MediaPlace): Promise<Media> {
  const av = await libav()
  const { name, url, protocols, formats, format } = place
  const options = av.Dictionary.fromObject({
    protocol_whitelist: protocols.join(),
    ...(formats ? { format_whitelist: formats.join() } : {}),
  })
  const input = new av.FormatContext()
  const known = format ? av.InputFormat.findInputFormat(format) : null
  const opened = await input.openInput(url, known, options)
  if (opened === av.AVERROR_EINVAL && formats) {
    throw new DecodeError(`${name}: the file is not a video of a kind that can be read`)
  }
  check(av, opened, name, 'opening')
  try {
    check(av, await input.findStreamInfo(null), name, 'reading the stream headers')
    return { av, name, input, stream: shownStream(av, input, name) }
  } catch (error) {
    await input.closeInput()
    throw error
  }
}

/** The best video stream. The cover of a song and the thumbnails of chapters are none. */
function shownStream(av: Libav, input: FormatContext, name: string): Stream {
  const stills = [av.AV_DISPOSITION_ATTACHED_PIC, av.AV_DISPOSITION_TIMED_THUMBNAILS]
  const isVideo = ({ codecpar, disposition }: Stream) =>
    codecpar.codecType === av.AVMEDIA_TYPE_VIDEO && !stills.some(still => disposition & still)
  const best = input.streams[input.findBestStream(av.AVMEDIA_TYPE_VIDEO, -1, -1)]
  const stream = best && isVideo(best) ? best : input.streams.find(isVideo)
  if (stream) return stream
  throw new DecodeError(`${name}: the file has no video stream`)
}

/** A decoder for the shown stream; the caller frees it. */
export async function openDecoder({ av, name, stream }: Media): Promise<CodecContext> {
  const codec = av.Codec.findDecoder(stream.codecpar.codecId)
  if (!codec) {
    throw new DecodeError(`${name}: no decoder for codec number ${stream.codecpar.codecId}`)
  }
  const decoder = new av.CodecContext()
  decoder.allocContext3(codec)
  try {
    check(av, decoder.parametersToContext(stream.codecpar), name, 'configuring the decoder')
    decoder.pktTimebase = stream.timeBase
    decoder.threadCount = 0
    check(av, await decoder.open2(codec, null), name, 'opening the decoder')
    return decoder
  } catch (error) {
    decoder.freeContext()
    throw error
  }
}
