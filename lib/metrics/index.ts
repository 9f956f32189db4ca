/** Metrics of masks, points, counts and tracks. */

export type { LabelMap } from '../datasets/dataset.js'
export { COUNT_RULES, type CountRule, combineCounts } from '../ground/count.js'
export {
  COUNT_FORMS,
  type CountForm,
  type CountScore,
  type CountScoreOptions,
  readCount,
  scoreCounts,
} from './counts.js'
export {
  type DavisOptions,
  type LabelScores,
  labelMask,
  type PairedLabelScores,
  type ProposalOptions,
  scoreSemiSupervised,
  scoreUnsupervised,
  VOID_LABEL,
} from './davis.js'
export type { HotaScore } from './hota.js'
export {
  boundaryMap,
  type FrameScore,
  type MaskScore,
  type MaskScoreOptions,
  type ScoredMask,
  scoreMasks,
} from './masks.js'
export {
  type PointTrack,
  type PointTrackQuery,
  type PointTrackScore,
  QUERY_MODES,
  type QueryMode,
  scorePointTracks,
  TRACK_THRESHOLDS,
} from './point-tracks.js'
export {
  centroid,
  meanPointScore,
  POINT_PROTOCOLS,
  type PointProtocol,
  type PointScore,
  type PointTarget,
  pointInMask,
  type ScoredPoint,
  scorePoints,
} from './points.js'
export {
  meanOf,
  type SequenceScores,
  type Statistics,
  statisticsOf,
  type TotalScore,
  totalScore,
} from './statistics.js'
export {
  frameOfTime,
  scoreTracks,
  TRACK_PAIRINGS,
  type TrackPairing,
  type TrackPoints,
  type TrackScore,
  type TrackTarget,
} from './tracks.js'
export {
  type ClipExtent,
  scoreVideoPoints,
  type VideoPoint,
  type VideoPointTarget,
} from './video-points.js'
