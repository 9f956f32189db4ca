/**
 * What the benchmarks have in common: sequences of pictures, sentences about them, and the masks of
 * what the sentences name.
 */
export type DatasetName =
  | 'davis17'
  | 'ref-davis17'
  | 'ref-youtube-vos'
  | 'mevis'
  | 'reason-vos'
  | 'vpos-bench'
  | 'drawn'

/**
 * How results are scored.
 * - `per_expression`: the mask of every sentence against that of the objects that it names.
 * - `four_annotations`: Ref-DAVIS17; the sentences of each of the four annotators merged into one
 *   label map per frame and scored as `unsupervised`, mean of the four.
 * - `semi_supervised`, `unsupervised`: the two tasks of DAVIS 2017.
 */
export type Protocol = 'per_expression' | 'four_annotations' | 'semi_supervised' | 'unsupervised'

/** A sentence about a sequence. */
export interface Expression {
  /** Name in result folders. */
  id: string
  text: string
  /** Sort of sentence, where the data set tells them apart. */
  kind?: string
  /** Names of the frames that are scored, in order. */
  frames: readonly string[]
  /** Object that is named, as the data set numbers it. */
  objectId?: string
  /** First frame (its place) whose answer can be known; a motion shows from the second. Default 0. */
  knownFrom?: number
}

/** The objects that a sentence names in one frame: u8, non-zero = object, [height, width] each. */
export interface ObjectMasks {
  width: number
  height: number
  masks: readonly Uint8Array[]
}

/** Object numbers per pixel, [height, width]; 0 is background. */
export interface LabelMap {
  data: Uint8Array
  width: number
  height: number
}

export interface Sequence {
  /** Name in result folders and reports. */
  id: string
  /** Part of the benchmark that is reported on its own. */
  subset?: string
  /** Names of the frames without ending, in order. */
  frames: readonly string[]
  /** The pictures, one per frame. */
  pictures: readonly string[]
  expressions: readonly Expression[]
  /**
   * Masks of what a sentence names; absent without ground truth.
   *
   * @throws DATASET_INVALID naming the file.
   */
  objects?: (expression: Expression, frame: string) => Promise<ObjectMasks>
  /** Ground truth of the DAVIS tasks; 255 is void. */
  labels?: (frame: string) => Promise<LabelMap>
}

export interface Dataset {
  name: DatasetName
  /** As the paper's tables name it. */
  title: string
  root: string
  split: string
  protocol: Protocol
  sequences: readonly Sequence[]
}

/** One folder of result files: a sentence's masks, or label maps. */
export interface ResultPart {
  /** Below the result folder, with `/`. */
  folder: string
  frames: readonly string[]
  /** Sentence whose binary masks these are; absent for label maps. */
  expression?: Expression
}
