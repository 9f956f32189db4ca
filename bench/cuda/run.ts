import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { addon } from '../../lib/engine/loader.js'
import { deviceState, runRow } from './machine.js'
import {
  type BenchDtype,
  type Options,
  type Piece,
  POINTER_PIECES,
  type PointerPiece,
  readOptions,
  usage,
} from './options.js'
import { decodePiece } from './pieces/decode.js'
import { groundPiece, memoryPiece } from './pieces/ground.js'
import { checkKernels, measureKernels, measureLimits, root, Stopped } from './pieces/kernels.js'
import { pointerPiece } from './pieces/pointer.js'
import { sam2Piece } from './pieces/sam2.js'
import { measurePyTorch } from './pytorch.js'
import { type CheckRow, type Row, readResults, writeResults } from './results.js'
import { Models, type Setup } from './setup.js'
import { realSizes, tinySizes } from './sizes.js'
import { report } from './tables.js'

/** npm run bench -- cuda: see `usage`. */
const FAILED = 1
const NO_DEVICE = 3
const ROUNDS = 5
const KERNEL_ROUNDS = 20

const RUNNERS: Record<PointerPiece, (setup: Setup, dtype: BenchDtype) => Promise<Row[]>> = {
  pointer: pointerPiece,
  decode: decodePiece,
  ground: groundPiece,
  memory: memoryPiece,
}

function build(): void {
  const { status } = spawnSync('npm', ['run', 'build'], { stdio: 'inherit', cwd: root })
  if (status !== 0) throw new Stopped(status ?? FAILED)
}

function requireDevice(): void {
  const { devices, reason } = addon().cuda()
  if (devices.length === 0) throw new Stopped(NO_DEVICE, `No CUDA device: ${reason}`)
}

/** Runs pieces, keeps their rows, goes on after one that fails. */
class Session {
  failed = false
  readonly #options: Options
  readonly #models: Models
  readonly #setup: Setup

  constructor(options: Options) {
    const { emulated, device } = options
    this.#options = options
    this.#models = new Models(emulated ? tinySizes() : realSizes(), device)
    this.#setup = {
      sizes: this.#models.sizes,
      rounds: emulated ? 1 : (options.rounds ?? ROUNDS),
      pointer: dtype => this.#models.pointer(dtype),
      segmenter: name => this.#models.segmenter(name),
    }
  }

  async run(): Promise<void> {
    try {
      for (const piece of this.#options.pieces) await this.#program(piece)
      await this.#pointers()
      if (this.#options.pieces.includes('sam2'))
        await this.#keep('sam2', () => sam2Piece(this.#setup))
    } finally {
      await this.#models.dispose()
    }
    for (const piece of this.#options.pieces) await this.#pyTorch(piece)
  }

  /** The kernels, in their own program. */
  async #program(piece: Piece): Promise<void> {
    if (piece !== 'kernels' && piece !== 'window') return
    if (this.#options.emulated) return piece === 'kernels' ? checkKernels(true) : undefined
    const rounds = this.#options.rounds ?? KERNEL_ROUNDS
    const part = piece === 'window' ? 'window' : undefined
    await this.#keep(piece, () => measureKernels(rounds, part))
  }

  /** By dtype, as loading a pointer takes longer than most pieces. */
  async #pointers(): Promise<void> {
    const { pieces, dtypes, emulated } = this.#options
    const wanted = (Object.keys(RUNNERS) as PointerPiece[]).filter(name => pieces.includes(name))
    // A step's bytes are compared with what the device reads in this very run.
    if (wanted.includes('decode') && !emulated)
      await this.#keep('limits', () => [measureLimits(KERNEL_ROUNDS)])
    for (const dtype of dtypes ?? POINTER_PIECES.pointer) {
      for (const name of wanted) {
        const known: readonly BenchDtype[] = dtypes ?? POINTER_PIECES[name]
        if (known.includes(dtype))
          await this.#keep(`${name}-${dtype}`, () => RUNNERS[name](this.#setup, dtype))
      }
    }
  }

  async #pyTorch(piece: Piece): Promise<void> {
    if (!piece.startsWith('pytorch-') || this.#options.emulated) return
    const { python, torch, rounds = ROUNDS } = this.#options
    const part = piece === 'pytorch-sam2' ? 'sam2' : 'pointer'
    const name = [piece, ...torch].join(' ').replace(/[^\w.]+/g, '-')
    await this.#keep(name, () => measurePyTorch(python, part, rounds, torch))
  }

  async #keep(name: string, running: () => Row[] | Promise<Row[]>): Promise<void> {
    const { emulated, results } = this.#options
    try {
      const run = runRow()
      const rows = await running()
      const checks = rows.filter((row): row is CheckRow => row.kind === 'check')
      for (const { name: what, passed, detail } of checks)
        console.log(`${passed ? 'passed' : 'FAILED'}: ${what}: ${detail}`)
      if (rows.length === 0 || checks.some(({ passed }) => !passed)) this.failed = true
      console.log(`${name}: ${rows.length} rows`)
      run.state.push(...deviceState('after'))
      if (!emulated) writeResults(results, name, [run, ...rows])
    } catch (error) {
      this.failed = true
      console.error(`${name} failed: ${error instanceof Error ? error.message : error}`)
    }
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) return console.log(usage)
  if (options.build) build()
  // Read when the addon is loaded, at its first use.
  if (options.emulated) process.env.VIDEOMOLMO_PREBUILD = path.join(root, 'build/emulation')
  if (options.pieces.some(piece => piece !== 'table')) {
    requireDevice()
    const session = new Session(options)
    await session.run()
    if (session.failed) process.exitCode = FAILED
  }
  if (options.emulated) return
  const text = report(readResults(options.results))
  console.log(`\n${text}`)
  if (options.save) writeFileSync(options.save, text)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof Stopped)) throw error
  if (error.message) console.error(error.message)
  process.exitCode = error.code
}
