/**
 * videomolmo: give it a video and a sentence, get points and masks, frame by frame.
 *
 *     import { VideoMolmo } from 'videomolmo'
 *
 *     await using vm = await VideoMolmo.load()
 *     for await (const frame of vm.ground('clip.mp4', 'the red square')) {
 *       console.log(frame.frameIndex, frame.objects.length, frame.mask.area)
 *     }
 *
 * What labels and annotates is in 'videomolmo/labels', what scores is in 'videomolmo/evaluate'.
 */

export {
  AbortedError,
  CheckpointError,
  DatasetError,
  type DatasetFault,
  DecodeError,
  DeviceUnavailableError,
  DisposedError,
  DownloadError,
  type ErrorCode,
  InternalError,
  InvalidArgumentError,
  ModelNotFoundError,
  NotInstalledError,
  OutOfMemoryError,
  UnsupportedModelError,
  VideoMolmoError,
} from './engine/errors.js'
export type {
  AnswerStats,
  FusionStrategy,
  ModelInfo,
  PointerInfo,
  SegmenterInfo,
} from './engine/public-types.js'
export { type Box, Mask } from './formats/mask.js'
export type { Polygon } from './formats/polygons.js'
export { type AnyRle, type CocoRle, decodeRle, encodeRle } from './formats/rle.js'
export type { MaskSource, Point, TrackFrame, TrackObject } from './formats/track-frame.js'
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
export type { Timings } from './ground/models.js'
export type { ClickPlan } from './ground/more-clicks.js'
export type { GroundOptions, GroundProgress, PointOptions } from './ground/options.js'
export type { PointResult } from './ground/point.js'
export type { GroundedObject, GroundResult } from './ground/result.js'
export { GroundSession, type SessionMode, type SessionOptions } from './ground/session.js'
export { VideoMolmo, type VideoMolmoLoadOptions } from './ground/videomolmo.js'
export { type DownloadOptions, downloadModel } from './hub/resolve.js'
export type { DownloadProgress } from './hub/snapshot.js'
export type { MemorySize } from './load/budget.js'
export {
  type DeviceName,
  type Dtype,
  EMBEDDED,
  type FloatDtype,
  type LoadOptions,
} from './load/settings.js'
export { Pointer, type PointerLoadOptions } from './point/pointer.js'
export { type FuseOptions, fuseMasks } from './segment/masks.js'
export type { Click, PromptBox, PromptPoint } from './segment/prompts.js'
export {
  type EncodedImage,
  type EncodeOptions,
  type ImageSource,
  Segmenter,
  type SegmentOptions,
  type SegmentPrompt,
  type SegmentResult,
} from './segment/segmenter.js'
export { SegmenterVideo } from './segment/segmenter-video.js'
export type {
  CallOptions,
  ObjectId,
  PromptOptions,
  PropagateOptions,
  RemoveOptions,
  SegmentedFrame,
  SegmentedObject,
  SegmenterVideoOptions,
} from './segment/video-types.js'
export type { ClipOptions, ClipSource, PictureOptions, UrlSource } from './video/frame.js'
export type { PixelFormat, RawFrame, RgbImage } from './video/pixels.js'
export type { ClipWarning, ClipWarningCode } from './video/warning.js'
export { VideoWriter } from './video/writer.js'
