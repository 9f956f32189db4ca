import { InvalidArgumentError } from '../engine/errors.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import { writePoints } from '../text/answer.js'
import type { AnnotatedFrame, AnnotatedObject } from './clip.js'

/** Previous frames that VideoMolmo looks at. */
const PREVIOUS_FRAMES = 4

export interface Message {
  role: 'user' | 'assistant'
  content: string
}

/** One training example: what is asked about a frame and what should be answered. */
export interface Conversation {
  clip: string
  frame: number
  /** The frame's picture and those of the frames before it, nearest first; null for video files. */
  image: string | null
  previous: string[]
  /** In the form that Molmo's chat template takes. */
  messages: [Message, Message]
}

export interface ConversationOptions {
  /** The question, with {label} for the object's label. Default "Point to {label}". */
  prompt?: string
  /** Paths of the clip's pictures by frame, where it is made of pictures. */
  pictures?: readonly string[] | null
}

const CONVERSATION_OPTIONS: OptionNames<ConversationOptions> = { prompt: true, pictures: true }
type AskedObject = Pick<AnnotatedObject, 'objectId' | 'label' | 'chosen'>

/** What a conversation needs of an annotated frame. */
export interface AskedFrame
  extends Pick<AnnotatedFrame, 'clip' | 'frameIndex' | 'width' | 'height'> {
  objects: readonly AskedObject[]
}

/** A label's objects in a frame, in the order of their numbers. */
function byLabel(frame: AskedFrame): Map<string, AskedObject[]> {
  const groups = new Map<string, AskedObject[]>()
  for (const object of frame.objects) {
    const { label, objectId } = object
    if (label === null) {
      throw new InvalidArgumentError(
        `${frame.clip}: object ${objectId} has no label to ask for; give one`,
      )
    }
    groups.set(label, [...(groups.get(label) ?? []), object])
  }
  return groups
}

/**
 * Training conversations of an annotated frame, one per label: the answer has the points of all
 * objects of that label in Molmo's notation, in percent of width and height with one decimal, sorted
 * by x, then y. Objects that are not in the frame give no point, labels without any no conversation.
 *
 * @throws INVALID_ARGUMENT for an object without label.
 */
export function toConversations(
  frame: AskedFrame,
  options: ConversationOptions = {},
): Conversation[] {
  checkOptions(CONVERSATION_OPTIONS, options, 'toConversations')
  const { prompt = 'Point to {label}', pictures = null } = options
  const { clip, frameIndex, width, height } = frame
  const first = Math.max(0, frameIndex - PREVIOUS_FRAMES)
  const conversations: Conversation[] = []
  for (const [label, objects] of byLabel(frame)) {
    const points = objects
      .flatMap(({ chosen }) => chosen ?? [])
      .map(({ x, y }) => ({ x: (x / width) * 100, y: (y / height) * 100 }))
    if (points.length === 0) continue
    conversations.push({
      clip,
      frame: frameIndex,
      image: pictures?.[frameIndex] ?? null,
      previous: (pictures ?? []).slice(first, frameIndex).reverse(),
      messages: [
        { role: 'user', content: prompt.replaceAll('{label}', () => label) },
        { role: 'assistant', content: writePoints(points, label.toLowerCase()) },
      ],
    })
  }
  return conversations
}
