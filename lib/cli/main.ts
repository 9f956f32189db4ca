#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addAnnotateCommand } from './annotate.js'
import { addBenchCommand } from './bench.js'
import { type CommandContext, describeError, EXIT, exitCodeOf } from './context.js'
import { addConvertCommand } from './convert.js'
import { addCountCommand } from './count.js'
import { addDoctorCommand } from './doctor.js'
import { addDownloadCommand } from './download.js'
import { addEvalCommand } from './eval.js'
import { addGroundCommand } from './ground.js'
import { addInspectCommand } from './inspect.js'
import { addPointCommand } from './point.js'
import { addSegmentCommand } from './segment.js'
import { addSweepCommand } from './sweep.js'

const packageFile = new URL('../../../package.json', import.meta.url)

function program(context: CommandContext): Command {
  const { version, description } = JSON.parse(readFileSync(packageFile, 'utf8')) as {
    version: string
    description: string
  }
  const root = new Command('videomolmo').description(description).version(version)
  root.exitOverride().showSuggestionAfterError().showHelpAfterError('(--help shows the options)')
  for (const add of [
    addGroundCommand,
    addPointCommand,
    addCountCommand,
    addSegmentCommand,
    addAnnotateCommand,
    addEvalCommand,
    addSweepCommand,
    addInspectCommand,
    addDownloadCommand,
    addConvertCommand,
    addDoctorCommand,
    addBenchCommand,
  ]) {
    add(root, context)
  }
  for (const command of root.commands) command.exitOverride()
  return root
}

/** The first Ctrl-C ends the work and keeps what is finished, the second ends the process. */
function interruptible(): AbortSignal {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    controller.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  // A reader that left (`| head`) wants no more: the work ends as after Ctrl-C.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    controller.abort()
  })
  return controller.signal
}

/** Runs the command line and gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const context: CommandContext = {
    signal: interruptible(),
    print: text => void process.stdout.write(`${text}\n`),
    note: text => void process.stderr.write(`${text}\n`),
  }
  try {
    await program(context).parseAsync(argv)
    return Number(process.exitCode ?? EXIT.done)
  } catch (error) {
    // Commander has printed its message; help and --version end with code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    context.note(describeError(error, argv.includes('--json')))
    return exitCodeOf(error)
  }
}

// `exitCode` and not `exit`: output to a pipe is still being written.
process.exitCode = await main(process.argv)
process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM')
