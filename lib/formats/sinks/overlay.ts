import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { drawOverlay } from '../../video/overlay.js'
import { VideoWriter } from '../../video/writer.js'
import type { ClipAbout, Sink } from '../sink.js'
import { numberOf } from '../track-frame.js'

/** overlay.mp4: the clip with masks, points and object numbers; without a frame there is none. */
export async function openOverlay(folder: string, { frameRate }: ClipAbout): Promise<Sink> {
  const path = join(folder, 'overlay.mp4')
  await rm(path, { force: true })
  let video: VideoWriter | undefined
  return {
    write: async ({ width, height, image, timeNs, objects }) => {
      video ??= await VideoWriter.open(path, width, height, frameRate, image.pixelAspect)
      const drawn = objects.map(object => ({
        objectId: numberOf(object, 'overlay'),
        mask: object.mask.source,
        points: object.points,
      }))
      await video.write(await drawOverlay(image, drawn), timeNs)
    },
    close: async () => {
      await video?.close()
      return { overlay: path }
    },
  }
}
