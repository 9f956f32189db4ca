import { join } from 'node:path'
import { DatasetError } from '../engine/errors.js'
import type { JsonValue } from '../json/value.js'
import { plainKey, readJsonFile } from './files.js'
import type { Problems } from './problems.js'

/** One video of a meta_expressions.json. */
export interface ListedVideo {
  id: string
  fields: JsonValue
  frames: string[]
  expressions: ListedExpression[]
}

export interface ListedExpression {
  id: string
  text: string
  fields: JsonValue
}

function readVideo(path: string, id: string, fields: JsonValue): ListedVideo {
  const expressions = fields.at('expressions').members()
  return {
    id: plainKey(path, id),
    fields,
    frames: fields.at('frames').fileNames(),
    expressions: expressions.map(([key, entry]) => ({
      id: plainKey(path, key),
      text: entry.at('exp').string(),
      fields: entry,
    })),
  }
}

/**
 * Videos of a file in the form that Ref-DAVIS17, Refer-YouTube-VOS and MeViS share: {"videos":
 * {id: {"expressions": {id: {"exp": text, ...}}, "frames": [...]}}}.
 */
export async function readExpressionFile(
  path: string,
  problems: Problems,
  parse: (path: string, id: string, fields: JsonValue) => ListedVideo = readVideo,
): Promise<ListedVideo[]> {
  const videos = (await readJsonFile(path)).at('videos').members()
  return videos.flatMap(([id, fields]) => {
    try {
      return [parse(path, id, fields)]
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error
      problems.take(error)
      return []
    }
  })
}

/** The pictures of a video in its folder, one per listed frame. */
export const listedPictures = (folder: string, video: ListedVideo): string[] =>
  video.frames.map(frame => join(folder, video.id, `${frame}.jpg`))
