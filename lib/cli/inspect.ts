import type { Command } from 'commander'
import { type Checkpoint, readCheckpoint } from '../hub/checkpoint.js'
import type { CommandContext } from './context.js'
import { withJson } from './options.js'

const BYTES: Record<string, number> = { F32: 4, BF16: 2, F16: 2, I64: 8, I32: 4, U8: 1, BOOL: 1 }

export function addInspectCommand(program: Command, context: CommandContext): void {
  withJson(
    program
      .command('inspect')
      .description('what a checkpoint is: architecture, sizes, tensors, memory')
      .argument('<checkpoint>', 'checkpoint folder'),
  ).action((path: string, flags: { json?: boolean }) => inspect(path, flags, context))
}

const elements = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1)

function summary({ tensors }: Checkpoint) {
  const parameters = tensors.reduce((sum, { shape }) => sum + elements(shape), 0)
  // Vectors stay in fp32 whatever the dtype of the matrices is.
  const vectors = tensors
    .filter(({ shape }) => shape.length < 2)
    .reduce((sum, { shape }) => sum + elements(shape), 0)
  return {
    parameters,
    bytes: {
      stored: tensors.reduce((sum, t) => sum + elements(t.shape) * (BYTES[t.dtype] ?? 4), 0),
      fp32: parameters * 4,
      bf16: (parameters - vectors) * 2 + vectors * 4,
    },
  }
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

async function inspect(
  path: string,
  flags: { json?: boolean },
  { print }: CommandContext,
): Promise<void> {
  const checkpoint = await readCheckpoint(path)
  const { kind, config, tensors } = checkpoint
  const { parameters, bytes } = summary(checkpoint)
  if (flags.json) {
    print(JSON.stringify({ kind, config, parameters, bytes, tensors }))
    return
  }
  print(`${kind}: ${parameters} parameters in ${tensors.length} tensors`)
  for (const [dtype, size] of Object.entries(bytes)) print(`  ${dtype.padEnd(7)} ${mib(size)}`)
  print(JSON.stringify(config, null, 2))
  for (const { name, dtype, shape } of tensors) {
    print(`${dtype.padEnd(5)} ${`[${shape.join(', ')}]`.padEnd(24)} ${name}`)
  }
}
