import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashWeights } from '../parity/runner/hash.js'
import { fixtureUrl } from './fixtures.js'
import type { HeaderEntry } from './safetensors.js'

/** weights.json of a golden set: what its model file is made of. The values come from the tensors' names. */
export interface GeneratedWeights {
  /** Of all values, in the order of `tensors`. */
  sha256: string
  /** Changes the seed of every tensor. */
  seedXor: number
  /** What is done to generated values; `add` may differ per element. */
  tweaks?: { [name: string]: { mul?: number; add?: number | number[] } }
  tensors: { [name: string]: number[] }
  /** The same weights under other names, each of one or more of `tensors` behind each other. */
  renamed?: { sha256: string; tensors: { [name: string]: { shape: number[]; of: string[] } } }
}

// This file runs from dist/test/support.
const generated = fileURLToPath(new URL('../../../build/golden', import.meta.url))

/** The values of `weights`' tensors, by name. */
export function generate({ tensors, tweaks, seedXor }: GeneratedWeights): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  for (const [name, shape] of Object.entries(tensors)) {
    const { mul = 1, add = 0 } = tweaks?.[name] ?? {}
    // In f32, step by step, as the reference's tensors were changed.
    const made = hashWeights(name, shape, seedXor).map((value, i) => {
      const shift = Array.isArray(add) ? add[i]! : add
      return Math.fround(value * Math.fround(mul)) + Math.fround(shift)
    })
    values.set(name, Buffer.from(made.buffer))
  }
  return values
}

export function digest(values: Iterable<Buffer>): string {
  const hash = createHash('sha256')
  for (const data of values) hash.update(data)
  return hash.digest('hex')
}

/** Writes a whole file at once: tests of several processes may want the same. */
function writeTensors(file: string, parts: [name: string, shape: number[], data: Buffer][]): void {
  const header: { [name: string]: HeaderEntry } = {}
  let at = 0
  for (const [name, shape, data] of parts) {
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + data.length] }
    at += data.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const own = `${file}.${process.pid}`
  writeFileSync(own, Buffer.concat([length, text, ...parts.map(([, , data]) => data)]))
  renameSync(own, file)
}

function writeChecked(
  file: string,
  sha256: string,
  parts: [name: string, shape: number[], data: Buffer][],
): void {
  const found = digest(parts.map(([, , data]) => data))
  if (found !== sha256) {
    throw new Error(`${file}: the generated values have the hash ${found}, expected ${sha256}`)
  }
  writeTensors(file, parts)
}

/**
 * The checkpoint folder of a golden set whose weights are generated: config.json, model.safetensors and, where the
 * set has them under other names as well, model_hf.safetensors. Made once, under build/golden.
 */
export function generatedCheckpoint(set: string): string {
  const weights = JSON.parse(
    readFileSync(path.join(set, 'weights.json'), 'utf8'),
  ) as GeneratedWeights
  const folder = path.join(generated, `${path.basename(set)}-${weights.sha256.slice(0, 12)}`)
  const files = [
    'config.json',
    'model.safetensors',
    ...(weights.renamed ? ['model_hf.safetensors'] : []),
  ]
  if (files.every(name => existsSync(path.join(folder, name)))) return folder
  mkdirSync(folder, { recursive: true })
  const values = generate(weights)
  writeChecked(
    path.join(folder, 'model.safetensors'),
    weights.sha256,
    Object.entries(weights.tensors).map(([name, shape]) => [name, shape, values.get(name)!]),
  )
  if (weights.renamed) {
    writeChecked(
      path.join(folder, 'model_hf.safetensors'),
      weights.renamed.sha256,
      Object.entries(weights.renamed.tensors).map(([name, { shape, of }]) => [
        name,
        shape,
        Buffer.concat(of.map(one => values.get(one)!)),
      ]),
    )
  }
  copyFileSync(path.join(set, 'config.json'), path.join(folder, 'config.json'))
  return folder
}

/** The checkpoint folder of a golden set of test/fixtures/golden. */
export const goldenCheckpoint = (name: string) =>
  generatedCheckpoint(fileURLToPath(fixtureUrl(`golden/${name}`)))
