import type { Command } from 'commander'
import { readCheckpoint } from '../hub/checkpoint.js'
import { memoryByDtype, parameterCount } from '../hub/memory.js'
import type { CommandContext } from './context.js'
import { withJson } from './options.js'

export function addInspectCommand(program: Command, context: CommandContext): void {
  withJson(
    program
      .command('inspect')
      .description('what a checkpoint is: architecture, sizes, tensors, memory')
      .argument('<checkpoint>', 'checkpoint folder'),
  ).action((path: string, flags: { json?: boolean }) => inspect(path, flags, context))
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

async function inspect(
  path: string,
  flags: { json?: boolean },
  { print }: CommandContext,
): Promise<void> {
  const checkpoint = await readCheckpoint(path)
  const { kind, config, tensors } = checkpoint
  const parameters = parameterCount(checkpoint)
  const bytes = memoryByDtype(checkpoint)
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
