// npm run parity -- [--device cpu|cuda|cuda:N] [--threads N] [--quiet] [--json] DIR...
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Report, Row } from './runner/report.js'
import { runGoldenSet } from './runner/run.js'

const usage = `usage: npm run parity -- [options] DIR...

Runs golden sets through the engine and compares every stage. DIR is a golden set, or a folder of them.

  --device D      cpu (default), cuda or cuda:N: where pointers and segmenters run. Tolerances on a GPU
                  are 1e-3 where the CPU's are smaller.
  --dtype bf16    loads models in bf16: every stage within the bound that docs/cuda.md derives, masks by
                  their IoU, no tokens
  --threads N     worker threads (default 0: one per core)
  --quiet         print only failures and the totals
  --json          print one JSON object per set
`

/** A folder without meta.json stands for the sets inside it. */
function setsIn(folder: string): string[] {
  if (existsSync(path.join(folder, 'meta.json'))) return [folder]
  if (!existsSync(folder)) throw new Error(`${folder} does not exist`)
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => path.join(folder, entry.name))
    .filter(entry => existsSync(path.join(entry, 'meta.json')))
    .sort()
}

const number = (value: number) => (value === 0 ? '0' : value.toExponential(2))

function line({ name, error, tolerance, passed, note }: Row): string {
  const verdict = passed ? 'pass' : 'FAIL'
  const figures = `${number(error).padStart(9)}  ${number(tolerance).padStart(9)}`
  return `${verdict}  ${figures}  ${name}${note && !passed ? `  (${note})` : ''}`
}

/** How much of its tolerance a tensor uses. */
function share({ error, tolerance }: Row): number {
  return tolerance === 0 ? (error === 0 ? 0 : Number.POSITIVE_INFINITY) : error / tolerance
}

function print(report: Report, quiet: boolean): void {
  console.log(`\n${report.set.meta.name} (${report.kind})`)
  console.log('          error  tolerance  tensor')
  for (const row of report.rows) if (!quiet || !row.passed) console.log(line(row))
  for (const { name, reason } of quiet ? [] : report.skipped)
    console.log(`skip  ${name}  (${reason})`)
  const worst = report.rows.reduce((a, b) => (share(b) > share(a) ? b : a))
  const { failed, rows, skipped } = report
  console.log(
    `${rows.length - failed.length} of ${rows.length} pass, ${skipped.length} skipped; ` +
      `closest to its tolerance: ${worst.name} (${number(worst.error)} of ${number(worst.tolerance)})`,
  )
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      device: { type: 'string', default: 'cpu' },
      dtype: { type: 'string' },
      threads: { type: 'string', default: '0' },
      quiet: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || positionals.length === 0) {
    console.log(usage)
    return values.help ? 0 : 2
  }
  if (!/^(cpu|cuda(:\d+)?)$/.test(values.device)) {
    console.error(`--device must be cpu, cuda or cuda:N, but is ${values.device}`)
    return 2
  }
  if (values.dtype !== undefined && values.dtype !== 'bf16') {
    console.error(`--dtype must be bf16 where it is given, but is ${values.dtype}`)
    return 2
  }
  let failures = 0
  for (const folder of positionals.flatMap(setsIn)) {
    try {
      const report = await runGoldenSet(folder, {
        threads: Number(values.threads),
        device: values.device,
        ...(values.dtype ? { dtype: values.dtype } : {}),
      })
      failures += report.failed.length
      if (values.json) {
        const { rows, skipped, kind } = report
        console.log(JSON.stringify({ set: report.set.meta.name, kind, rows, skipped }))
      } else print(report, values.quiet)
    } catch (error) {
      failures++
      console.log(`\n${folder}\nFAIL  ${error instanceof Error ? error.message : error}`)
    }
  }
  console.log(failures === 0 ? '\nparity: passed' : `\nparity: ${failures} failures`)
  return failures === 0 ? 0 : 1
}

process.exitCode = await main()
