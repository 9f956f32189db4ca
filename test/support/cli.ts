import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))

/** assets/demo of the checkout; compiled tests run from dist/test. */
export const demoFolder = fileURLToPath(new URL('../../../assets/demo', import.meta.url))

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** Starts the command line as its users do. */
export function start(...args: string[]): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })
  return { child, finished }
}

export const run = (...args: string[]): Promise<Finished> => start(...args).finished
