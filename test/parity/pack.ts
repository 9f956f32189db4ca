import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { digest, type GeneratedWeights, generate } from '../support/golden-weights.js'
import { pack } from './runner/packed.js'

/**
 * Makes the form of a golden set that the repository keeps (packed.ts, golden-weights.ts) of a whole set:
 *
 *     npm run parity:pack -- <set> <folder> [--whole]
 *
 * --whole samples no tensor. A model whose values are not those that its tensors' names generate stays a file.
 */
function readTensors(file: string): Map<string, { shape: number[]; data: Buffer }> {
  const bytes = readFileSync(file)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString('utf8', 8, start))
  return new Map(
    Object.entries(header as { [name: string]: { shape: number[]; data_offsets: number[] } }).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        return [name, { shape, data: bytes.subarray(start + from!, start + to!) }]
      },
    ),
  )
}

/** "0x00C0FFEE" of a set's notes, or the field. */
function seedXor(meta: { hash_seed_xor?: number; notes?: string[] }): number {
  const noted = /hash seed xor (0x[0-9A-Fa-f]+)/.exec(meta.notes?.join(' ') ?? '')
  return meta.hash_seed_xor ?? Number(noted?.[1] ?? 0)
}

/** The same weights under other names; undefined when a tensor is not made of whole ones. */
function renamed(file: string, own: Map<string, Buffer>): GeneratedWeights['renamed'] {
  const byDigest = new Map([...own].map(([name, data]) => [digest([data]), name]))
  const points = [0, 1, 2, 3].map(i => `sam_prompt_encoder.point_embeddings.${i}.weight`)
  const tensors: NonNullable<GeneratedWeights['renamed']>['tensors'] = {}
  const all = readTensors(file)
  for (const [name, { shape, data }] of all) {
    const one = byDigest.get(digest([data]))
    tensors[name] = { shape, of: one === undefined ? points : [one] }
  }
  return { sha256: digest([...all.values()].map(({ data }) => data)), tensors }
}

function packWeights(set: string, folder: string): void {
  const tensors = readTensors(path.join(set, 'model.safetensors'))
  const meta = JSON.parse(readFileSync(path.join(set, 'meta.json'), 'utf8'))
  const weights: GeneratedWeights = {
    sha256: digest([...tensors.values()].map(({ data }) => data)),
    seedXor: seedXor(meta),
    ...(meta.weight_tweaks ? { tweaks: meta.weight_tweaks } : {}),
    tensors: Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape])),
  }
  const values = generate(weights)
  if (digest(values.values()) !== weights.sha256) {
    copyFileSync(path.join(set, 'model.safetensors'), path.join(folder, 'model.safetensors'))
    return
  }
  const other = path.join(set, 'model_hf.safetensors')
  if (existsSync(other)) weights.renamed = renamed(other, values)
  writeFileSync(path.join(folder, 'weights.json'), `${JSON.stringify(weights)}\n`)
}

const [set, folder, whole] = process.argv.slice(2) as [string, string, string?]
mkdirSync(folder, { recursive: true })
for (const name of ['meta.json', 'config.json', 'cases.json']) {
  if (existsSync(path.join(set, name))) copyFileSync(path.join(set, name), path.join(folder, name))
}
for (const name of ['inputs', 'expected'].map(part => `${part}.safetensors`)) {
  if (!existsSync(path.join(set, name))) continue
  const packed = pack(
    readFileSync(path.join(set, name)),
    name.startsWith('expected') && whole !== '--whole',
  )
  writeFileSync(path.join(folder, `${name}.gz`), packed)
}
if (existsSync(path.join(set, 'model.safetensors'))) packWeights(set, folder)
