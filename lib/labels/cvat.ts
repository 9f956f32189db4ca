import type { Box, Mask } from '../formats/mask.js'
import {
  type LabelledClip,
  type LabelledObject,
  labelsOf,
  lengthOf,
  masksOf,
  UNNAMED,
} from './labels.js'
import { escapeXml } from './xml.js'

/** Attributes of an element, in order. */
const attributes = (values: Record<string, string | number>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('')

/** Run lengths of the part of a mask inside a box, row by row, the first run background. */
function cropCounts({ data, width }: Mask, box: Box): number[] {
  const counts: number[] = []
  let run = 0
  let inside = false
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let at = y * width + box.x; at < y * width + box.x + box.width; at++) {
      if ((data[at] === 1) !== inside) {
        counts.push(run)
        run = 0
        inside = !inside
      }
      run++
    }
  }
  return [...counts, run]
}

function maskElement(frame: number, mask: Mask, box: Box, outside: 0 | 1): string {
  const shape = attributes({
    frame,
    keyframe: 1,
    outside,
    occluded: 0,
    rle: cropCounts(mask, box).join(', '),
    left: box.x,
    top: box.y,
    width: box.width,
    height: box.height,
    z_order: 0,
  })
  return `    <mask${shape}></mask>\n`
}

/** Tracks of one frame each, as CVAT writes masks: it follows boxes and polygons, but no masks. */
function tracksOf(
  clip: LabelledClip,
  { objectId, label }: LabelledObject,
  firstId: number,
): string[] {
  const length = lengthOf(clip)
  return [...masksOf(clip, objectId)].flatMap(([frame, mask], i) => {
    const { box } = mask
    if (!box) return []
    const track = { id: firstId + i, label: label ?? UNNAMED, source: 'auto', group_id: objectId }
    const end = frame + 1 < length ? maskElement(frame + 1, mask, box, 1) : ''
    return `  <track${attributes(track)}>\n${maskElement(frame, mask, box, 0)}${end}  </track>\n`
  })
}

/**
 * Labels of a clip as "CVAT for video 1.1". Masks are exact; each is a track of one frame, and the
 * masks of one object are a group, because CVAT has no tracks of masks.
 */
export function toCvat(clip: LabelledClip): string {
  const length = lengthOf(clip)
  const labels = labelsOf([clip]).map(
    name =>
      `        <label>\n          <name>${escapeXml(name)}</name>\n          <type>mask</type>\n          <attributes></attributes>\n        </label>\n`,
  )
  const tracks: string[] = []
  for (const object of clip.objects) tracks.push(...tracksOf(clip, object, tracks.length))
  return `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <name>${escapeXml(clip.name)}</name>
      <size>${length}</size>
      <mode>interpolation</mode>
      <overlap>0</overlap>
      <start_frame>0</start_frame>
      <stop_frame>${Math.max(0, length - 1)}</stop_frame>
      <frame_filter></frame_filter>
      <labels>
${labels.join('')}      </labels>
      <original_size>
        <width>${clip.width}</width>
        <height>${clip.height}</height>
      </original_size>
      <source>${escapeXml(clip.name)}</source>
    </task>
  </meta>
${tracks.join('')}</annotations>
`
}
