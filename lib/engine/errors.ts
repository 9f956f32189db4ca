/** Every error that the library raises on purpose carries one of these. */
export type ErrorCode =
  | 'MODEL_NOT_FOUND'
  | 'CHECKPOINT_INVALID'
  | 'UNSUPPORTED_MODEL'
  | 'OUT_OF_MEMORY'
  | 'DEVICE_UNAVAILABLE'
  | 'NOT_INSTALLED'
  | 'INVALID_ARGUMENT'
  | 'DECODE_FAILED'
  | 'DATASET_INVALID'
  | 'DOWNLOAD_FAILED'
  | 'ABORTED'
  | 'DISPOSED'
  | 'INTERNAL'

/** `code` is stable; `message` is one sentence that names what was expected and what came. */
export class VideoMolmoError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** No file, folder or model is where the option points. */
export class ModelNotFoundError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('MODEL_NOT_FOUND', message, options)
  }
}

/** A checkpoint's files are broken or do not fit together. */
export class CheckpointError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('CHECKPOINT_INVALID', message, options)
  }
}

/** A whole checkpoint of an architecture that this library does not run. */
export class UnsupportedModelError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('UNSUPPORTED_MODEL', message, options)
  }
}

export class OutOfMemoryError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('OUT_OF_MEMORY', message, options)
  }
}

export class DeviceUnavailableError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('DEVICE_UNAVAILABLE', message, options)
  }
}

/** The native engine, or the package that reads videos, is not there for this platform. */
export class NotInstalledError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('NOT_INSTALLED', message, options)
  }
}

/** An argument or option has the wrong type, shape or range. */
export class InvalidArgumentError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('INVALID_ARGUMENT', message, options)
  }
}

/** A video or picture could not be read. */
export class DecodeError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('DECODE_FAILED', message, options)
  }
}

/** A checkpoint could not be fetched: the network, the hub, the disk or a checksum. */
export class DownloadError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('DOWNLOAD_FAILED', message, options)
  }
}

/** What is wrong with a file of a data set or of a folder of results. */
export type DatasetFault = 'missing' | 'extra' | 'mis-sized' | 'corrupt'

/** A file of a data set or of a folder of results is not as its layout asks. */
export class DatasetError extends VideoMolmoError {
  readonly fault: DatasetFault
  /** The file or folder. */
  readonly path: string

  /** @param detail what was expected and what came; the message is the path and the detail. */
  constructor(fault: DatasetFault, path: string, detail: string, options?: { cause?: unknown }) {
    super('DATASET_INVALID', `${path}: ${detail}`, options)
    this.fault = fault
    this.path = path
  }
}

/** The caller's AbortSignal fired, or the model was disposed while the call ran. */
export class AbortedError extends VideoMolmoError {
  constructor(message = 'the operation was aborted', options?: { cause?: unknown }) {
    super('ABORTED', message, options)
  }
}

/** The model, stream or session was disposed before the call. */
export class DisposedError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('DISPOSED', message, options)
  }
}

/** A failure inside the engine that the caller cannot have caused. */
export class InternalError extends VideoMolmoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('INTERNAL', message, options)
  }
}

const CLASSES: { [code: string]: new (message: string, options?: { cause?: unknown }) => Error } = {
  MODEL_NOT_FOUND: ModelNotFoundError,
  CHECKPOINT_INVALID: CheckpointError,
  UNSUPPORTED_MODEL: UnsupportedModelError,
  OUT_OF_MEMORY: OutOfMemoryError,
  DEVICE_UNAVAILABLE: DeviceUnavailableError,
  INVALID_ARGUMENT: InvalidArgumentError,
  DECODE_FAILED: DecodeError,
  ABORTED: AbortedError,
  DISPOSED: DisposedError,
  INTERNAL: InternalError,
}

/** An engine error (a plain Error with a code) as its class; anything else as it is. */
function toTypedError(error: unknown): unknown {
  if (error instanceof VideoMolmoError || !(error instanceof Error)) return error
  const { code } = error as { code?: unknown }
  const Class = typeof code === 'string' ? CLASSES[code] : undefined
  return Class ? new Class(error.message, { cause: error }) : error
}

/** Runs an engine call; what it throws at once and what its promise fails with are typed errors. */
export function typed<T>(call: () => T): T {
  const rethrow = (error: unknown): never => {
    throw toTypedError(error)
  }
  try {
    const result = call()
    return result instanceof Promise ? (result.catch(rethrow) as T) : result
  } catch (error) {
    return rethrow(error)
  }
}
