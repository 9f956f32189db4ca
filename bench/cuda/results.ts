import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Median and quartiles of repetitions, in milliseconds. */
export interface Spread {
  median: number
  low: number
  high: number
  rounds: number
}

/** One measured quantity. */
export interface TimeRow extends Spread {
  kind: 'time'
  by: 'videomolmo' | 'pytorch'
  name: string
  dtype: string
  /** Bytes of weights that one repetition reads at least. */
  bytes?: number
  /** Frames of a clip that one repetition takes. */
  frames?: number
  /** Names of PyTorch's rows to be compared with. */
  peers?: string[]
  note?: string
}

/** Something that must hold; measured figures count only where these passed. */
export interface CheckRow {
  kind: 'check'
  name: string
  dtype: string
  passed: boolean
  detail: string
}

/** What the device copies and multiplies at best, measured in the same run. */
export interface LimitsRow {
  kind: 'limits'
  gigabytesPerSecond: number
  teraflops: number
}

/** Where and how a piece was run; the first line of its file. */
export interface RunRow {
  kind: 'run'
  command: string
  date: string
  revision: string
  device: string
  driver: string
  cublasLt: string
  host: string
  /** nvidia-smi's clocks and load before and after, where it is there. */
  state: string[]
}

/** What the kernel benchmark writes per kernel. */
export interface KernelRow {
  name: string
  medianUs: number
  lowUs: number
  highUs: number
  bytes: number
  flops: number
  /** The least time that bytes and operations allow at the measured limits. */
  floorUs: number
  bound: 'memory' | 'arithmetic'
  /** Relative L2 against double precision, on samples. */
  error: number
}

export type KernelLine = KernelRow & { kind: 'kernel' }
export type Row = TimeRow | CheckRow | LimitsRow | RunRow | KernelLine

export function spread(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => {
    const place = share * (sorted.length - 1)
    const below = Math.floor(place)
    const rest = place - below
    return sorted[below]! * (1 - rest) + (sorted[below + 1] ?? sorted[below]!) * rest
  }
  return { median: at(0.5), low: at(0.25), high: at(0.75), rounds: sorted.length }
}

export function parseLines(text: string): Row[] {
  return text
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as Row)
}

/** A piece's file; running the piece again replaces it. */
export function writeResults(folder: string, name: string, rows: readonly Row[]): void {
  mkdirSync(folder, { recursive: true })
  const lines = rows.map(row => `${JSON.stringify(row)}\n`)
  writeFileSync(path.join(folder, `${name}.jsonl`), lines.join(''))
}

/** The rows of all pieces that were run so far, by the file's name. */
export function readResults(folder: string): Map<string, Row[]> {
  const files = existsSync(folder) ? readdirSync(folder).sort() : []
  return new Map(
    files
      .filter(file => file.endsWith('.jsonl'))
      .map(file => [
        path.basename(file, '.jsonl'),
        parseLines(readFileSync(path.join(folder, file), 'utf8')),
      ]),
  )
}
