import type { Frame as AvFrame, CodecContext, Packet } from 'node-av/lib'
import type { Damage } from './damage.js'
import { type Media, openDecoder } from './media.js'

/** A demuxer or decoder that fails this often in a row has nothing more to give. */
const MOST_FAILURES = 64

/**
 * Decoded pictures of the shown stream, from where the container stands, still in the codec's own
 * format; each is valid until the next is asked for. What cannot be decoded is noted and passed over.
 */
export async function* decodePictures(media: Media, damage: Damage): AsyncGenerator<AvFrame> {
  const { av } = media
  const packet: Packet = new av.Packet()
  const picture: AvFrame = new av.Frame()
  const decoder = await openDecoder(media)
  packet.alloc()
  picture.alloc()
  try {
    while (!damage.stops && (await readPacket(media, packet, damage))) {
      const sent = await decoder.sendPacket(packet)
      packet.unref()
      if (sent < 0 && sent !== av.AVERROR_EOF) damage.lose(av.FFmpegError.strerror(sent))
      yield* received(media, decoder, picture, damage)
    }
    await decoder.sendPacket(null)
    yield* received(media, decoder, picture, damage)
  } finally {
    picture.free()
    packet.free()
    decoder.freeContext()
  }
}

/** Reads the next packet of the shown stream; false at the end. */
async function readPacket(media: Media, packet: Packet, damage: Damage): Promise<boolean> {
  const { av, input, stream } = media
  let reason = ''
  for (let failures = 0; ; ) {
    const read = await input.readFrame(packet)
    if (read === av.AVERROR_EAGAIN) continue
    if (read < 0) {
      const ended = read === av.AVERROR_EOF
      if (!ended) reason = av.FFmpegError.strerror(read)
      if (!ended && ++failures < MOST_FAILURES) continue
      if (failures > 0) damage.endEarly(`reading failed: ${reason}`)
      return false
    }
    if (failures > 0) damage.lose(reason)
    failures = 0
    const shown = packet.streamIndex === stream.index
    if (shown) damage.packet()
    // An empty packet would tell the decoder that the stream is over.
    if (shown && packet.size > 0) return true
    packet.unref()
  }
}

async function* received(
  { av }: Media,
  decoder: CodecContext,
  picture: AvFrame,
  damage: Damage,
): AsyncGenerator<AvFrame> {
  for (let failures = 0; failures < MOST_FAILURES; ) {
    const code = await decoder.receiveFrame(picture)
    if (code === av.AVERROR_EAGAIN || code === av.AVERROR_EOF) return
    if (code < 0) {
      failures++
      damage.lose(av.FFmpegError.strerror(code))
      continue
    }
    yield picture
    picture.unref()
  }
}
