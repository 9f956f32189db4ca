/**
 * Masks for people who label and for models that learn:
 *
 *     import { readLabelFile, annotateClip } from 'videomolmo/labels'
 *
 * Frames are written to files, labels read and written in four formats, frames ranked for review, points are chosen for
 * masks (the annotation pipeline of the paper), and run lengths are computed with.
 */

export {
  type CandidatePoint,
  type ChosenPoint,
  choosePoints,
  type PictureSegmenter,
} from './annotate/choose.js'
export { type AnnotatedFrame, type AnnotatedObject, annotateClip } from './annotate/clip.js'
export {
  type AskedFrame,
  type Conversation,
  type ConversationOptions,
  type Message,
  toConversations,
} from './annotate/conversations.js'
export type { AnnotateOptions, ChooseOptions } from './annotate/options.js'
export { type ReviewFrame, ReviewList } from './formats/review-list.js'
export {
  mergeRles,
  type RleIouOptions,
  rleArea,
  rleBox,
  rleIou,
  rleOverlap,
} from './formats/rle-algebra.js'
export { boxToRle, polygonsToRle } from './formats/rle-polygons.js'
export type { ClipAbout, Sink, SinkPaths } from './formats/sink.js'
export { writeReview } from './formats/sinks/review.js'
export { type CocoVideoAnnotation, type CocoVideoFile, toCoco } from './labels/coco.js'
export { type CollectorOptions, LabelCollector } from './labels/collector.js'
export { toCvat } from './labels/cvat.js'
export { LABEL_FORMATS, type LabelFormat, readLabelFile, writeLabels } from './labels/files.js'
export { readLabelFolder } from './labels/folder.js'
export {
  type LabelStudioOptions,
  type LabelStudioRegion,
  type LabelStudioTask,
  toLabelStudio,
} from './labels/label-studio.js'
export type {
  LabelledClip,
  LabelledFrame,
  LabelledMask,
  LabelledObject,
  LabelReadOptions,
} from './labels/labels.js'
export { readCoco } from './labels/read-coco.js'
export { readCvat } from './labels/read-cvat.js'
export { readLabelStudio } from './labels/read-label-studio.js'
export { openSinks, SINKS, type SinkName, type SinksOptions } from './labels/sinks.js'
export { readYoutubeVos, writeYoutubeVos } from './labels/youtube-vos.js'
