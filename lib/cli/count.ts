import { type Command, Option } from 'commander'
import { toJson } from '../formats/files.js'
import { COUNT_RULES, type CountRule } from '../ground/count.js'
import { Pointer } from '../point/pointer.js'
import type { CommandContext } from './context.js'
import {
  loadOptions,
  type ModelFlags,
  parseInteger,
  type SourceFlags,
  withJson,
  withModelOptions,
  withSourceOptions,
} from './options.js'
import { pointOptions } from './point.js'

interface CountFlags extends ModelFlags, SourceFlags {
  keyframeEvery?: number
  rule?: CountRule
  json?: boolean
}

export function addCountCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('count')
    .description('how many things a sentence names')
    .argument('<source>', 'video file, folder of pictures or picture')
    .argument('<sentence>', 'what to count')
    .option('-k, --keyframe-every <frames>', 'look at every k-th frame (default: 10)', parseInteger)
    .addOption(
      new Option('--rule <rule>', 'how the counts of the frames become one').choices(COUNT_RULES),
    )
  withJson(withModelOptions(withSourceOptions(command), ['pointer'])).action(
    (source: string, sentence: string, flags: CountFlags) =>
      count(source, sentence, flags, context),
  )
}

async function count(
  source: string,
  sentence: string,
  flags: CountFlags,
  context: CommandContext,
): Promise<void> {
  const { signal, print } = context
  await using pointer = await Pointer.load(flags.pointer, loadOptions(flags, signal))
  const rule = flags.rule === undefined ? {} : { rule: flags.rule }
  const options = { ...pointOptions(flags, context), ...rule }
  const result = await pointer.count(source, sentence, options)
  print(flags.json ? toJson(result) : String(result.count))
}
