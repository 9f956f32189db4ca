import type { Attributes, TensorRow } from '../engine/addon.js'
import type { Point } from '../ground/models.js'
import type { Fields } from './fields.js'

/** The files of a checkpoint, before anybody knows which model it is. */
export interface CheckpointFiles {
  folder: string
  /** What the engine opens: the folder, or the one file that was named. */
  weights: string
  tensors: readonly TensorRow[]
  /** config.json; undefined when there is none. */
  config?: Fields
  /**
   * Another JSON file of the folder; undefined when there is none.
   *
   * @throws CHECKPOINT_INVALID for a file that holds no JSON object.
   */
  json(name: string): Promise<Fields | undefined>
}

/** What a model can do. */
export interface Capabilities {
  /** Understands sentences. */
  text: boolean
  /** Says where things are. */
  points: boolean
  /** Earlier frames that it looks at when it is asked about one. */
  previousFrames: number
  /** Draws masks around what it is shown. */
  masks: boolean
  /** Follows objects through a clip with a memory of earlier frames. */
  videoMemory: boolean
  /** Says which points of different frames are one object. */
  tracks: boolean
}

/** A checkpoint in the terms of its family: what the engine is asked to load. */
export interface ModelDescription {
  /** What the engine builds the model from; the family alone knows the names. */
  attributes: Attributes
  /** What the tensors are called, where the family knows more than one way. */
  names?: string
  capabilities: Capabilities
}

/** How a pointer's sentences and answers are written. */
export interface PointerText {
  /** Token ids of the prompt for a sentence, without BOS and image tokens. */
  encodePrompt(query: string): Int32Array
  /** Token ids of what an answer to the sentence usually looks like. */
  encodeDraft(query: string): Int32Array
  /** The text of an answer. */
  decode(ids: Int32Array): string
  /** Points of an answer in pixels, inside the frame. */
  parse(answer: string, width: number, height: number): Point[]
}

interface AnyFamily {
  /** The engine's name for it. */
  readonly name: string
  /** What people call its models. */
  readonly title: string
  /** The values of "model_type" in config.json that mean it. */
  readonly modelTypes: readonly string[]
  /** Files that a checkpoint folder has; one of `model.safetensors` and its shards goes without saying. */
  readonly files: readonly string[]
  /** Whether tensors without a config.json are its own. Default: never. */
  recognises?(tensors: readonly TensorRow[]): boolean
  /**
   * What a checkpoint of this family is.
   *
   * @throws CHECKPOINT_INVALID naming the file and the field, UNSUPPORTED_MODEL.
   */
  describe(files: CheckpointFiles): Promise<ModelDescription> | ModelDescription
}

export interface PointerFamily extends AnyFamily {
  readonly kind: 'pointer'
  /**
   * How the model is spoken to.
   *
   * @param folders in which its tokenizer is sought, in order.
   */
  text(model: ModelDescription, folders: readonly string[]): Promise<PointerText>
}

export interface SegmenterFamily extends AnyFamily {
  readonly kind: 'segmenter'
}

export type Family = PointerFamily | SegmenterFamily
