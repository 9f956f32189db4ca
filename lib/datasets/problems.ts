import { DatasetError, type DatasetFault } from '../engine/errors.js'

export interface Problem {
  fault: DatasetFault
  /** The file or folder. */
  path: string
  /** What was expected and what came. */
  detail: string
}

/**
 * What is wrong with the files of a data set or of its results. Strict: the first fault is thrown.
 * Lenient: faults are listed and the work goes on by the benchmark's rule for such a file.
 */
export class Problems {
  readonly lenient: boolean
  readonly list: Problem[] = []

  constructor(lenient = false) {
    this.lenient = lenient
  }

  /** @throws DATASET_INVALID unless lenient. */
  report(fault: DatasetFault, path: string, detail: string, cause?: unknown): void {
    if (!this.lenient) throw new DatasetError(fault, path, detail, { cause })
    this.list.push({ fault, path, detail })
  }

  /** Takes an error of a file's reader; anything but a DatasetError is thrown again. */
  take(error: unknown): void {
    if (!(error instanceof DatasetError) || !this.lenient) throw error
    const { fault, path, message } = error
    this.list.push({ fault, path, detail: message.slice(path.length + 2) })
  }

  /** What `read` gives; undefined when it met a fault of a file that is passed over. */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.take(error)
      return undefined
    }
  }
}
