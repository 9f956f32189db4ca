import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AddonTensor, AddonTensors } from '../../../lib/engine/addon.js'
import { addon } from '../../../lib/engine/loader.js'
import { generatedCheckpoint } from '../../support/golden-weights.js'
import { stageBound } from './bf16-bounds.js'
import { readPacked } from './packed.js'

export type Json = Record<string, unknown>

/** meta.json, as far as the runner reads it. */
export interface Meta {
  name: string
  what?: string
  /** 'stored', 'hash', 'none', or the folder of config.json and weights, relative to the repository. */
  weights?: string
  tolerance?: Record<string, number>
  cases?: unknown
  ops?: Record<string, Json[]>
  switches?: Record<string, Json>
  samples?: Record<string, { step: number; count: number }>
  inputs_hash?: Record<string, { shape: number[]; scale: number }>
  weight_overrides?: Record<string, { mul?: number; add?: number }>
  weight_shapes?: Record<string, number[]>
  frame?: { width: number; height: number; real_previous_frames?: number }
  prompts?: { ids: number[] }[]
  [key: string]: unknown
}

// This file runs from dist/test/parity/runner.
const repository = fileURLToPath(new URL('../../../..', import.meta.url))

function readJson(file: string): Json | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Json) : undefined
}

/** A golden set: a folder of the common format (meta.json, config.json, inputs, expected, model). */
export class GoldenSet {
  /** For devices whose functions are less exact than the CPU's. */
  leastTolerance = 0
  /** Whether models compute in bf16: then a stage's bound follows from the roundings before it. */
  rounded = false
  readonly meta: Meta
  readonly config: Json
  /** cases.json, where the set has one. */
  readonly cases: Json | undefined
  /** Of the set <base>-fp4, which holds other results only: the set with its model and inputs. */
  readonly base: GoldenSet | undefined
  /** How the model's matrices are held. */
  readonly dtype: 'fp32' | 'fp4' = 'fp32'
  readonly inputs: AddonTensors
  readonly expected: AddonTensors

  constructor(readonly folder: string) {
    const meta = readJson(path.join(folder, 'meta.json'))
    if (!meta) throw new Error(`${folder} is no golden set: it has no meta.json`)
    this.meta = { name: path.basename(folder), ...meta }
    this.config = readJson(this.file('config.json')) ?? {}
    const quantised = /^(.+)-(fp4)$/.exec(this.meta.name)
    if (quantised && !this.has('inputs.safetensors') && !this.has('inputs.safetensors.gz')) {
      this.base = new GoldenSet(path.join(folder, '..', quantised[1]!))
      this.dtype = 'fp4'
    }
    this.cases = readJson(path.join(folder, 'cases.json'))
    this.inputs = this.base?.inputs ?? this.tensors('inputs.safetensors')
    this.expected = this.tensors('expected.safetensors')
  }

  private tensors(file: string): AddonTensors {
    const whole = path.join(this.folder, file)
    if (existsSync(whole)) return addon().readTensors(whole)
    return existsSync(`${whole}.gz`) ? readPacked(`${whole}.gz`) : {}
  }

  has(file: string): boolean {
    return existsSync(path.join(this.folder, file))
  }

  /** The folder of config.json and weights: the set's own, or one where generated ones are written. */
  private checkpoint(): string {
    return this.has('weights.json') ? generatedCheckpoint(this.folder) : this.folder
  }

  /** Whether the set comes with weights in a file of this name. */
  hasWeights(file: string): boolean {
    return existsSync(path.join(this.checkpoint(), file))
  }

  /** A file of the set, or of the folder that `weights` names where the set has none. */
  file(name: string): string {
    const weights = this.meta.weights ?? 'none'
    if (this.has(name)) return path.join(this.folder, name)
    if (['stored', 'hash', 'none'].includes(weights)) return path.join(this.checkpoint(), name)
    return path.join(repository, weights, name)
  }

  input(name: string): AddonTensor {
    const tensor = this.inputs[name]
    if (!tensor) throw new Error(`${this.folder}: inputs.safetensors has no tensor ${name}`)
    return tensor
  }

  /** The case names of a set whose tensors are called <case>.<stage>; [''] when they are not. */
  caseNames(input: string): string[] {
    const suffix = `.${input}`
    const names = Object.keys(this.inputs)
      .filter(name => name.endsWith(suffix))
      .map(name => name.slice(0, -suffix.length))
    return names.length > 0 ? names.sort() : ['']
  }

  /**
   * The tolerance of a tensor: keys are names, prefixes ending in * or suffixes starting with *; the longest
   * match counts. They apply to the whole name or to the name after its case. Default 1e-4. None but exact
   * ones are smaller than `leastTolerance`.
   */
  tolerance(name: string, caseName = ''): number {
    const inCase =
      caseName && name.startsWith(`${caseName}.`) ? name.slice(caseName.length + 1) : name
    let best = -1
    let tolerance = 1e-4
    for (const [key, value] of Object.entries(this.meta.tolerance ?? {})) {
      if (key.length > best && (matches(key, name) || matches(key, inCase))) {
        best = key.length
        tolerance = value
      }
    }
    const bound = this.rounded ? stageBound(this, inCase, tolerance) : 0
    if (tolerance === 0) return bound
    return Math.max(tolerance, this.leastTolerance, bound)
  }
}

function matches(key: string, name: string): boolean {
  if (key === name) return true
  if (key.endsWith('*') && name.startsWith(key.slice(0, -1))) return true
  return key.startsWith('*') && name.endsWith(key.slice(1))
}
