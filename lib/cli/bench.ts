import { type Command, Option } from 'commander'
import type { BenchOptions } from '../bench/rows.js'
import { BENCH_DTYPES, BENCHMARKS, type BenchName, runBenchmark } from '../bench/run.js'
import type { CommandContext } from './context.js'
import { parseInteger, withJson } from './options.js'

interface BenchFlags {
  threads?: number
  rounds: number
  dtype: BenchOptions['dtype']
  device: BenchOptions['device']
  json?: boolean
}

export function addBenchCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('bench')
    .description('measures the engine on this machine, with generated weights of real sizes')
    .argument('<name>', BENCHMARKS.join(', '))
    .option('--rounds <count>', 'measured repetitions', parseInteger, 5)
    .option('--threads <count>', 'threads (default: one per core)', parseInteger)
    .option('--device <name>', 'cpu, cuda or cuda:<index>', 'cpu')
    .addOption(new Option('--dtype <type>', 'of matrices').choices(BENCH_DTYPES).default('fp32'))
  withJson(command).action((name: string, flags: BenchFlags) =>
    runBenchmark(name as BenchName, { ...flags, threads: flags.threads ?? 0 }, context.print),
  )
}
