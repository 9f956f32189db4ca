import { CheckpointError, DatasetError } from '../engine/errors.js'
import { DOCUMENT, type Fault } from './value.js'

/** How the files of a checkpoint complain. */
export const checkpointFault: Fault = ({ path, place, expected, got, cause }) => {
  const what = place === DOCUMENT ? place : `"${place}"`
  return new CheckpointError(`${path}: ${what} must be ${expected}, but is ${got}`, { cause })
}

/** How files of data sets and of labels complain. */
export const datasetFault: Fault = ({ path, place, expected, got, cause }) =>
  new DatasetError('corrupt', path, `${place}: expected ${expected}, got ${got}`, { cause })
