/**
 * videomolmo: give it a video and a sentence, get points and masks, frame by frame.
 *
 *     import { VideoMolmo } from 'videomolmo'
 *
 *     await using vm = await VideoMolmo.load()
 *     for await (const frame of vm.ground('clip.mp4', 'the red square')) {
 *       console.log(frame.frameIndex, frame.objects.length, frame.mask.area)
 *     }
 */

export {
  type CandidatePoint,
  type ChosenPoint,
  choosePoints,
  type PictureSegmenter,
} from './annotate/choose.js'
export { type AnnotatedFrame, type AnnotatedObject, annotateClip } from './annotate/clip.js'
export {
  type Conversation,
  type ConversationOptions,
  type Message,
  toConversations,
} from './annotate/conversations.js'
export type { AnnotateOptions, ChooseOptions } from './annotate/options.js'
export { writeArchive } from './datasets/archive.js'
export type {
  Dataset,
  DatasetName,
  Expression,
  LabelMap,
  ObjectMasks,
  Protocol,
  ResultPart,
  Sequence,
} from './datasets/dataset.js'
export { DATASETS, type DatasetOptions, openDataset } from './datasets/open.js'
export { type Problem, Problems } from './datasets/problems.js'
export { checkExtraResults, mergeMasks, resultParts, writeResult } from './datasets/results.js'
export type { AddonModelInfo as ModelInfo } from './engine/addon.js'
export {
  AbortedError,
  CheckpointError,
  DatasetError,
  type DatasetFault,
  DecodeError,
  DeviceUnavailableError,
  DisposedError,
  type ErrorCode,
  InternalError,
  InvalidArgumentError,
  ModelNotFoundError,
  OutOfMemoryError,
  UnsupportedModelError,
  VideoMolmoError,
} from './engine/errors.js'
export { type Box, Mask } from './formats/mask.js'
export type { Polygon } from './formats/polygons.js'
export { writeReview } from './formats/review.js'
export { type AnyRle, type CocoRle, decodeRle, encodeRle } from './formats/rle.js'
export { mergeRles, type RleIouOptions, rleArea, rleBox, rleIou } from './formats/rle-algebra.js'
export { boxToRle, polygonsToRle } from './formats/rle-polygons.js'
export type {
  ClipSegmenter,
  FrameFeatures,
  ObjectTrack,
  SegmenterCall,
  TrackedMasks,
  Tracking,
  TrackOptions,
} from './ground/clip-segmenter.js'
export type { CountOptions, CountResult, CountRule } from './ground/count.js'
export type { Point, Timings } from './ground/models.js'
export type {
  FusionStrategy,
  GroundOptions,
  GroundProgress,
  PointOptions,
} from './ground/options.js'
export type { PointResult } from './ground/point.js'
export type { GroundedObject, GroundResult, MaskSource } from './ground/result.js'
export { type ReviewFrame, ReviewList } from './ground/review.js'
export { GroundSession, type SessionMode, type SessionOptions } from './ground/session.js'
export { VideoMolmo, type VideoMolmoLoadOptions } from './ground/videomolmo.js'
export { type CocoVideoFile, readCoco, toCoco } from './labels/coco.js'
export { type CollectorOptions, LabelCollector } from './labels/collector.js'
export { toCvat } from './labels/cvat.js'
export { LABEL_FORMATS, type LabelFormat, readLabelFile, writeLabels } from './labels/files.js'
export { readLabelFolder } from './labels/folder.js'
export {
  type LabelStudioOptions,
  type LabelStudioTask,
  readLabelStudio,
  toLabelStudio,
} from './labels/label-studio.js'
export type {
  LabelledClip,
  LabelledFrame,
  LabelledMask,
  LabelledObject,
} from './labels/labels.js'
export { readCvat } from './labels/read-cvat.js'
export { readYoutubeVos, writeYoutubeVos } from './labels/youtube-vos.js'
export type { MemorySize } from './load/budget.js'
export { type Dtype, EMBEDDED, type FloatDtype, type LoadOptions } from './load/settings.js'
export * as evaluate from './metrics/index.js'
export { Pointer, type PointerLoadOptions } from './point/pointer.js'
export { type FuseOptions, fuseMasks } from './segment/masks.js'
export type { PromptBox, PromptPoint } from './segment/prompts.js'
export {
  type EncodedImage,
  type ImageSource,
  Segmenter,
  type SegmentOptions,
  type SegmentPrompt,
  type SegmentResult,
} from './segment/segmenter.js'
export {
  type ObjectId,
  type PromptOptions,
  type PropagateOptions,
  type SegmentedFrame,
  type SegmentedObject,
  SegmenterVideo,
  type SegmenterVideoOptions,
} from './segment/segmenter-video.js'
export type { ClipOptions, ClipSource } from './video/frame.js'
export type { PixelFormat, RawFrame, RgbImage } from './video/pixels.js'
export { VideoWriter } from './video/writer.js'
