import path from 'node:path'
import { parseArgs } from 'node:util'
import { root, Stopped } from './pieces/kernels.js'

export const usage = `usage: npm run bench -- cuda [options] [piece...]

The CUDA kernels and models at real sizes with generated weights, and PyTorch on the same machine. Pieces,
each well under ten minutes on a large GPU; all of them when none is named:

  kernels, window     single kernels; those of the window cross-attention alone
  pointer, decode     VideoMolmo at real size: a frame; a decoding step
  ground, memory      ground() as a whole; memory over a long clip
  sam2                SAM 2.1 tiny and large, by the number of objects
  pytorch-pointer, pytorch-sam2   the same in PyTorch
  table               prints what was measured so far, as every other piece does at its end

  --dtype T,...    pointer, decode (default bf16,int8,int4,fp4), ground (bf16,int4), memory (bf16)
  --rounds N       measured repetitions (default 5; of kernels 20)
  --device D       cuda (default) or cuda:N; kernels and PyTorch take the first device
  --python FILE    for PyTorch (default python3)
  --torch ARGS     handed on to bench/cuda/pytorch, as in "--torch=--models large --objects 1,16"
  --results DIR    where each piece leaves its rows (default build/bench-cuda)
  --save FILE      writes the page there
  --build          builds first
  --emulated       everything once at tiny sizes on the emulated device; nothing is measured
`

export const DTYPES = ['bf16', 'int8', 'int4', 'fp4'] as const
export type BenchDtype = (typeof DTYPES)[number]

/** Pieces that load the pointer, and the dtypes that they are run with. */
export const POINTER_PIECES = {
  pointer: DTYPES,
  decode: DTYPES,
  ground: ['bf16', 'int4'],
  memory: ['bf16'],
} as const satisfies Record<string, readonly BenchDtype[]>
export type PointerPiece = keyof typeof POINTER_PIECES

export const PIECES = [
  'kernels',
  'window',
  'pointer',
  'decode',
  'ground',
  'memory',
  'sam2',
  'pytorch-pointer',
  'pytorch-sam2',
  'table',
] as const
export type Piece = (typeof PIECES)[number]

export interface Options {
  pieces: readonly Piece[]
  /** Undefined: those of each piece. */
  dtypes: readonly BenchDtype[] | undefined
  rounds: number | undefined
  device: string
  python: string
  torch: string[]
  results: string
  save: string | undefined
  build: boolean
  emulated: boolean
  help: boolean
}

export const USAGE = 2

/** Those of `names` that are in `known`; the others end the command. */
function among<T extends string>(names: readonly string[], known: readonly T[]): T[] {
  const wrong = names.filter(name => !known.some(one => one === name))
  if (wrong.length === 0) return names as T[]
  throw new Stopped(
    USAGE,
    `unknown: ${wrong.join(', ')}; there are ${known.join(', ')}\n\n${usage}`,
  )
}

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new Stopped(USAGE, `--rounds must be a number from 1, got ${text}`)
}

/** @throws Stopped for what is no option, no piece, no dtype. */
export function readOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      dtype: { type: 'string' },
      rounds: { type: 'string' },
      device: { type: 'string', default: 'cuda' },
      python: { type: 'string', default: 'python3' },
      torch: { type: 'string', default: '' },
      results: { type: 'string', default: path.join(root, 'build/bench-cuda') },
      save: { type: 'string' },
      build: { type: 'boolean', default: false },
      emulated: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { dtype, rounds, save, torch, ...rest } = values
  return {
    ...rest,
    pieces: positionals.length > 0 ? among(positionals, PIECES) : PIECES,
    dtypes: dtype === undefined ? undefined : among(dtype.split(','), DTYPES),
    rounds: rounds === undefined ? undefined : count(rounds),
    torch: torch.split(' ').filter(word => word !== ''),
    save,
  }
}
