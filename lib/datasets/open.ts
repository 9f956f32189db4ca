import { InvalidArgumentError } from '../engine/errors.js'
import { checkOptions, type OptionNames } from '../options/check.js'
import type { Dataset, DatasetName, Protocol } from './dataset.js'
import { readDavis } from './davis.js'
import { readDrawn } from './drawn.js'
import { readMevis } from './mevis.js'
import { Problems } from './problems.js'
import { readReasonVos } from './reason-vos.js'
import { readRefDavis } from './ref-davis.js'
import { readRefYoutubeVos } from './ref-youtube-vos.js'
import { readVpos } from './vpos.js'

/** What can be chosen of each data set; the first entry is the default. */
const CHOICES: Record<DatasetName, { splits: string[]; protocols: Protocol[] }> = {
  davis17: {
    splits: ['val', 'train', 'test-dev', 'test-challenge'],
    protocols: ['semi_supervised', 'unsupervised'],
  },
  'ref-davis17': {
    splits: ['valid', 'train'],
    protocols: ['four_annotations', 'per_expression'],
  },
  'ref-youtube-vos': { splits: ['valid', 'train', 'test'], protocols: ['per_expression'] },
  mevis: { splits: ['valid_u', 'valid', 'train'], protocols: ['per_expression'] },
  'reason-vos': { splits: ['test'], protocols: ['per_expression'] },
  'vpos-bench': { splits: ['test'], protocols: ['per_expression'] },
  drawn: { splits: ['eval'], protocols: ['per_expression'] },
}

export const DATASETS = Object.keys(CHOICES) as DatasetName[]

export interface DatasetOptions {
  /** Default: the split that the benchmark is reported on and that can be scored at home. */
  split?: string
  /** How results are scored; see `Protocol`. */
  protocol?: Protocol
  /** Where faults of files go. Default: strict, the first one is thrown. */
  problems?: Problems
}

const DATASET_OPTIONS: OptionNames<DatasetOptions> = {
  split: true,
  protocol: true,
  problems: true,
}

function choose<T extends string>(what: string, name: string, list: T[], given?: string): T {
  if (given === undefined) return list[0]!
  if (list.includes(given as T)) return given as T
  throw new InvalidArgumentError(
    `${what} of ${name} must be one of ${list.join(', ')}, got ${JSON.stringify(given)}`,
  )
}

/**
 * Reads the lists of a data set; pictures and masks are read when they are asked for.
 *
 * @param root the unpacked data set; each reader's comment has its layout.
 * @throws INVALID_ARGUMENT for an unknown name, split or protocol; DATASET_INVALID naming the file.
 */
export async function openDataset(
  name: DatasetName,
  root: string,
  options: DatasetOptions = {},
): Promise<Dataset> {
  const choices = CHOICES[name]
  if (!choices) {
    throw new InvalidArgumentError(
      `data set must be one of ${DATASETS.join(', ')}, got ${JSON.stringify(name)}`,
    )
  }
  checkOptions(DATASET_OPTIONS, options, 'openDataset')
  const split = choose('split', name, choices.splits, options.split)
  const protocol = choose('protocol', name, choices.protocols, options.protocol)
  const problems = options.problems ?? new Problems()
  if (name === 'davis17') {
    const task = protocol as 'semi_supervised' | 'unsupervised'
    return readDavis(root, split, task, problems)
  }
  if (name === 'ref-davis17') {
    const form = protocol as 'four_annotations' | 'per_expression'
    return readRefDavis(root, split, form, problems)
  }
  if (name === 'ref-youtube-vos') return readRefYoutubeVos(root, split, problems)
  if (name === 'mevis') return readMevis(root, split, problems)
  if (name === 'reason-vos') return readReasonVos(root, split, problems)
  return name === 'vpos-bench' ? readVpos(root, split, problems) : readDrawn(root, split, problems)
}
