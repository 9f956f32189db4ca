// Prints "N passed, N failed" from the closing counts of a tap run's output:
//   node scripts/test-summary.mjs <log>
import { readFileSync } from 'node:fs'

const log = readFileSync(process.argv[2], 'utf8')
const total = name => {
  const found = [...log.matchAll(new RegExp(`^# ${name} (\\d+)`, 'gm'))].at(-1)
  return found ? Number(found[1]) : 0
}
console.log(`${total('pass')} passed, ${total('fail')} failed`)
