import { type Command, InvalidArgumentError, Option } from 'commander'
import { SINKS, type SinkName } from '../labels/sinks.js'
import {
  type DeviceName,
  DTYPES,
  type Dtype,
  FLOAT_DTYPES,
  type LoadOptions,
} from '../load/settings.js'
import type { PointerLoadOptions } from '../point/pointer.js'
import type { ClipOptions } from '../video/frame.js'
import type { ClipWarning } from '../video/warning.js'
import type { CommandContext } from './context.js'
import { showDownloads } from './download-bar.js'

export interface ModelFlags {
  pointer?: string
  segmenter?: string
  tokenizer?: string
  device?: string
  dtype?: string
  groupSize?: number
  threads?: number
  memoryBudget?: string
  mmap?: boolean
}

export function parseInteger(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value)) {
    throw new InvalidArgumentError('expected an integer.')
  }
  return value
}

export function parseNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new InvalidArgumentError('expected a number.')
  }
  return value
}

/** Numbers between commas. */
export function parseNumbers(text: string): number[] {
  return text.split(',').map(parseNumber)
}

export interface SourceFlags {
  exifOrientation?: boolean
  onDecodeError?: 'skip' | 'fail'
}

/** Adds the options of how a source is read. */
export const withSourceOptions = (command: Command): Command =>
  command
    .option('--exif-orientation', 'turn pictures as their EXIF mark says')
    .addOption(
      new Option('--on-decode-error <what>', 'skip what is damaged (default), or fail').choices([
        'skip',
        'fail',
      ]),
    )

/** How the flags say that a source is read; each of its warnings becomes one remark. */
export function sourceOptions(
  { exifOrientation, onDecodeError }: SourceFlags,
  { note }: Pick<CommandContext, 'note'>,
): ClipOptions {
  const told = new Set<string>()
  const onWarning = ({ message }: ClipWarning) => {
    if (!told.has(message)) note(`warning: ${message}`)
    told.add(message)
  }
  return {
    onWarning,
    ...(exifOrientation === undefined ? {} : { exifOrientation }),
    ...(onDecodeError === undefined ? {} : { onDecodeError }),
  }
}

/** Outputs between commas, added to those that the option named before. */
export function parseFormats(text: string, before: readonly SinkName[]): SinkName[] {
  const named = text.split(',').map(name => {
    const format = SINKS.find(known => known === name.trim())
    if (format) return format
    throw new InvalidArgumentError(`expected ${SINKS.join(', ')}, between commas.`)
  })
  return [...new Set([...before, ...named])]
}

/** Adds --format: what is to be written beside the usual, for tools that people label with, say. */
export const withFormats = (command: Command): Command =>
  command.option(
    '--format <names>',
    `also write ${SINKS.join(', ')} (several between commas)`,
    parseFormats,
    [],
  )

/** Options that say which models run and how. */
export function withModelOptions(command: Command, models: ('pointer' | 'segmenter')[]): Command {
  if (models.includes('pointer')) {
    command
      .option(
        '--pointer <model>',
        'VideoMolmo or Molmo: folder or Hugging Face id (default: the embedded one)',
      )
      .option('--tokenizer <model>', 'folder or id with tokenizer.json, if the checkpoint has none')
      .option('--group-size <count>', 'weights that share a scale with --dtype int4', parseInteger)
  }
  if (models.includes('segmenter')) {
    command.option(
      '--segmenter <model>',
      'SAM 2: folder, .pt file or id (default: the embedded one)',
    )
  }
  const dtypes = models.includes('pointer') ? DTYPES : FLOAT_DTYPES
  return command
    .option('--device <name>', 'where to compute: cpu (default), cuda or cuda:<index>')
    .addOption(new Option('--dtype <type>', 'how matrices are held').choices(dtypes))
    .option('--threads <count>', 'threads per model (default: one per core)', parseInteger)
    .option('--memory-budget <size>', 'memory that the models may take, such as 8GiB')
    .option('--no-mmap', 'read weights into memory instead of mapping their files')
}

export const withJson = (command: Command): Command =>
  command.option('--json', 'write results as JSON')

/** The load options that the flags name. */
export function loadOptions<D extends Dtype = Dtype>(
  flags: ModelFlags,
  signal: AbortSignal,
): Omit<PointerLoadOptions, 'dtype'> & LoadOptions<D> {
  const { device, dtype, groupSize, threads, tokenizer, memoryBudget, mmap } = flags
  return {
    signal,
    onProgress: showDownloads(),
    ...(mmap === false ? { mmap } : {}),
    ...(device === undefined ? {} : { device: device as DeviceName }),
    ...(dtype === undefined ? {} : { dtype: dtype as D }),
    ...(groupSize === undefined ? {} : { groupSize: groupSize as 64 | 128 }),
    ...(threads === undefined ? {} : { threads }),
    ...(memoryBudget === undefined ? {} : { memoryBudget }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
  }
}
