// npm run check:cuda: everything that is to be known about the CUDA part on a machine with a GPU. Builds
// for its chip, runs kernels, golden sets and the sanitizer, measures, and says per step how it went. Goes on
// after a failed step. Exit codes: 0, 1 when a step failed, 2 for wrong usage, 3 without a device.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { architectureOf } from './cuda-architecture.mjs'
import { commandLine, steps } from './cuda-steps.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const FAILED = 1
const USAGE = 2
const NO_DEVICE = 3

const usage = `usage: npm run check:cuda -- [options] [step...]

  --list           prints the steps and their commands, runs nothing
  --sets DIR       more golden sets for the step "parity"; may be given several times
  --again          runs steps that passed before as well
  --minutes N      time limit of a step (default 30)
  --arch A         architecture to build for (default: the first device's), such as 90a-real
  --out DIR        verdicts, logs and the benchmark's rows (default build/check-cuda)

Steps named are run alone, in their order; without names all of them that have not passed yet in --out.
`

function read() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        list: { type: 'boolean', default: false },
        sets: { type: 'string', multiple: true, default: [] },
        again: { type: 'boolean', default: false },
        minutes: { type: 'string', default: '30' },
        arch: { type: 'string' },
        out: { type: 'string', default: path.join(root, 'build/check-cuda') },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`)
    process.exit(USAGE)
  }
}

/** First line of what a program says, or undefined where it is not or fails. */
function say(program, ...args) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim().split('\n')[0] : undefined
}

/** Runs a step with its output shown and kept; the verdict. */
function run(step, folder, minutes) {
  const log = path.join(folder, `${step.name}.log`)
  if (step.needs && say(step.needs, '--version') === undefined) {
    return { verdict: 'skipped', detail: `${step.needs} is not there`, seconds: 0 }
  }
  console.log(`\n== ${step.name}: ${step.what}\n${commandLine(step)}`)
  const since = performance.now()
  // The pipe's status is the step's own; timeout's own is 124.
  const script = 'set -o pipefail; timeout -k 10 "$LIMIT" "$@" 2>&1 | tee "$LOG"'
  const { status } = spawnSync('bash', ['-c', script, 'step', ...step.command], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...step.env, LOG: log, LIMIT: `${minutes}m` },
  })
  const seconds = (performance.now() - since) / 1000
  const reason = status === 124 ? `ended after ${minutes} minutes` : `code ${status}`
  const detail = status === 0 ? '' : `${reason}, ${log}`
  return { verdict: status === 0 ? 'passed' : 'FAILED', detail, seconds }
}

function main() {
  const { values, positionals } = read()
  if (values.help) return console.log(usage)
  const capability = say('nvidia-smi', '--query-gpu=compute_cap', '--format=csv,noheader')
  const plan = steps({
    architecture: values.arch ?? architectureOf(capability ?? '9.0'),
    folders: values.sets,
    results: path.join(values.out, 'bench'),
    page: path.join(values.out, 'bench.md'),
  })
  const unknown = positionals.filter(name => !plan.some(step => step.name === name))
  if (unknown.length > 0) {
    const names = plan.map(step => step.name).join(', ')
    console.error(`unknown: ${unknown.join(', ')}; the steps are ${names}\n\n${usage}`)
    process.exitCode = USAGE
    return
  }
  if (values.list) {
    for (const step of plan) console.log(`${step.name}\n  ${step.what}\n  ${commandLine(step)}`)
    return
  }
  if (capability === undefined) {
    console.error('No CUDA device: nvidia-smi finds none. --list shows what would be run.')
    process.exitCode = NO_DEVICE
    return
  }
  console.log(
    say(
      'nvidia-smi',
      '--query-gpu=name,driver_version,memory.total,compute_cap',
      '--format=csv,noheader',
    ),
  )
  console.log(`compute-sanitizer: ${say('compute-sanitizer', '--version') ?? 'not there'}`)
  console.log(`nvcc: ${say('nvcc', '--version') ?? 'not on the path'}`)
  runAll(plan, values, positionals)
}

function runAll(plan, { out, again, minutes }, names) {
  mkdirSync(out, { recursive: true })
  const file = path.join(out, 'verdicts.json')
  const verdicts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  for (const step of plan) {
    const wanted =
      names.length > 0
        ? names.includes(step.name)
        : again || verdicts[step.name]?.verdict !== 'passed'
    if (!wanted) continue
    verdicts[step.name] = run(step, out, Number(minutes))
    // After every step: a session that ends early loses nothing.
    writeFileSync(file, `${JSON.stringify(verdicts, null, 2)}\n`)
  }
  console.log('\n== summary')
  for (const { name, what } of plan) {
    const { verdict = 'not run', detail = '', seconds } = verdicts[name] ?? {}
    const time = seconds === undefined ? '' : `${seconds.toFixed(0)} s`
    console.log(`${verdict.padEnd(8)} ${name.padEnd(20)} ${time.padStart(6)}  ${detail || what}`)
  }
  if (Object.values(verdicts).some(({ verdict }) => verdict === 'FAILED')) process.exitCode = FAILED
}

main()
