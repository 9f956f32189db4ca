// Prints "N passed, N failed" from the closing line of a tap run's output, `# { total: 30, pass: 30 }`:
//   node scripts/test-summary.mjs <log>
import { readFileSync } from 'node:fs'

const log = readFileSync(process.argv[2], 'utf8')
const closing = [...log.matchAll(/^# \{ total: \d+.*\}$/gm)].at(-1)?.[0] ?? ''
const count = name => Number(new RegExp(`\\b${name}: (\\d+)`).exec(closing)?.[1] ?? 0)
const skipped = count('skip') + count('todo')
console.log(
  `${count('pass')} passed, ${count('fail')} failed${skipped ? `, ${skipped} skipped` : ''}`,
)
