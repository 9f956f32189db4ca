import { type Command, Option } from 'commander'
import { convertCheckpoint } from '../hub/convert.js'
import { FLOAT_DTYPES, type FloatDtype } from '../load/settings.js'
import type { CommandContext } from './context.js'
import { withJson } from './options.js'

interface ConvertFlags {
  dtype?: FloatDtype
  shardSize?: string
  json?: boolean
}

export function addConvertCommand(program: Command, { signal, print }: CommandContext): void {
  withJson(
    program
      .command('convert')
      .description('writes a checkpoint (.pt, .bin, safetensors) as safetensors')
      .argument('<in>', 'file of weights or checkpoint folder')
      .argument('<out>', 'folder, or a file that ends in .safetensors')
      .addOption(
        new Option('--dtype <type>', 'what the weights become (default: as stored)').choices(
          FLOAT_DTYPES,
        ),
      )
      .option('--shard-size <size>', 'most bytes in one file, such as 5GB (default: one file)'),
  ).action(async (from: string, to: string, { json, ...flags }: ConvertFlags) => {
    const written = await convertCheckpoint(from, to, { ...flags, signal })
    print(json ? JSON.stringify(written) : written.join('\n'))
  })
}
