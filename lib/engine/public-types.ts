/** What the engine tells of itself and callers see; the addon's own types stay inside the library. */

/** What a loaded model is and takes. */
export interface ModelInfo {
  parameters: number
  weightBytes: number
  /** Bytes that the work takes beside the weights, at most. */
  workBytes: number
  threads: number
}

export interface PointerInfo extends ModelInfo {
  /** Answers that are decoded side by side. */
  sequences: number
  /** Encoded frames that are kept for a clip at most. */
  frames: number
}

export interface SegmenterInfo extends ModelInfo {
  /** Objects that memory is there for from the start. */
  objects: number
}

/** What the language model did for an answer. */
export interface AnswerStats {
  /** Positions of image and text. */
  promptRows: number
  /** Of them, those whose keys and values were there already. */
  reusedRows: number
  /** Passes of the weights behind the prompt. */
  steps: number
  /** Draft ids that went through a pass, and those of them that were right. */
  drafted: number
  accepted: number
}

/** How two estimates of a mask become one: table 5 of the paper; 'bidirectional' is equations 5 and 6. */
export type FusionStrategy =
  | 'bidirectional'
  | 'prefer-left'
  | 'prefer-right'
  | 'intersection'
  | 'larger'
  | 'smaller'

/** What two masks have in common, in pixels. */
export interface MaskComparison {
  /** Pixels in both masks and in either. */
  intersection: number
  union: number
  /** Boundary pixels, and those of them with one of the other mask within the disk around them. */
  truthBoundary: number
  predictedBoundary: number
  truthMatches: number
  predictedMatches: number
}
