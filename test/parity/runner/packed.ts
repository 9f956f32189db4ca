import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { AddonTensor, AddonTensors } from '../../../lib/engine/addon.js'
import { addon } from '../../../lib/engine/loader.js'
import type { HeaderEntry } from '../../support/safetensors.js'

// Golden sets as the repository keeps them: safetensors in gzip, and of a large f32 tensor a sample of its values
// under its whole shape. The sets that they are made of compare every value.

/** Values that are kept of a larger tensor. */
const KEPT = 1024

/** Figures and samples that a set has already. */
const FIGURES = /\.(samples?|head|stats|row_norms)$/

/** No runner reads these. */
const UNREAD = ['frames.preprocessed']

const numel = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

/** Of `count` values the places of those that are kept: one in each KEPTth part, nowhere at a regular step. */
function keptPlaces(count: number): number[] {
  const golden = (Math.sqrt(5) - 1) / 2
  return Array.from({ length: KEPT }, (_, i) =>
    Math.floor(((i + ((i * golden) % 1)) * count) / KEPT),
  )
}

type Values = ArrayLike<number | bigint>

/** What `actual` has where a packed tensor keeps values: all of it for a tensor that is whole. */
export function sampledLike(expected: AddonTensor, actual: Values): Values {
  if (expected.data.length === numel(expected.shape) || actual.length !== numel(expected.shape)) {
    return actual
  }
  return keptPlaces(actual.length).map(place => actual[place]!)
}

interface Header {
  [name: string]: HeaderEntry
}

function readHeader(bytes: Buffer): { header: Header; shapes: { [name: string]: number[] } } {
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__: about, ...header } = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  return { header, shapes: JSON.parse(about?.shapes ?? '{}') }
}

/** The tensors of a packed file; a sampled one has fewer values than its shape says. */
export function readPacked(file: string): AddonTensors {
  const bytes = gunzipSync(readFileSync(file))
  const folder = mkdtempSync(path.join(tmpdir(), 'videomolmo-golden-'))
  try {
    const whole = path.join(folder, 'tensors.safetensors')
    writeFileSync(whole, bytes)
    const tensors = addon().readTensors(whole)
    for (const [name, shape] of Object.entries(readHeader(bytes).shapes)) {
      tensors[name]!.shape = shape
    }
    return tensors
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Packs a safetensors file: `sample` whether large tensors are sampled. */
export function pack(bytes: Buffer, sample: boolean): Buffer {
  const { header } = readHeader(bytes)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const packed: { [name: string]: HeaderEntry | { shapes: string } } = {}
  const shapes: { [name: string]: number[] } = {}
  const parts: Buffer[] = []
  let at = 0
  for (const [name, entry] of Object.entries(header)) {
    if (UNREAD.includes(name)) continue
    const count = numel(entry.shape)
    let shape = entry.shape
    let data = bytes.subarray(start + entry.data_offsets[0], start + entry.data_offsets[1])
    if (sample && entry.dtype === 'F32' && count > KEPT && !FIGURES.test(name)) {
      shapes[name] = shape
      shape = [KEPT]
      data = Buffer.concat(keptPlaces(count).map(place => data.subarray(4 * place, 4 * place + 4)))
    }
    packed[name] = { dtype: entry.dtype, shape, data_offsets: [at, at + data.length] }
    at += data.length
    parts.push(data)
  }
  if (Object.keys(shapes).length > 0) packed.__metadata__ = { shapes: JSON.stringify(shapes) }
  const text = Buffer.from(JSON.stringify(packed))
  const head = Buffer.alloc(8 + 8 * Math.ceil(text.length / 8), ' ')
  head.writeBigUInt64LE(BigInt(head.length - 8))
  text.copy(head, 8)
  return gzipSync(Buffer.concat([head, ...parts]), { level: 9 })
}
