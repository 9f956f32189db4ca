import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fixtureUrl } from '../support/fixtures.js'
import { runGoldenSet } from './runner/run.js'

/** One subtest per golden set of the fixtures: every stage within its tolerance. */
export function checkSets(...names: string[]): void {
  for (const name of names) {
    t.test(name, async t => {
      const report = await runGoldenSet(fileURLToPath(fixtureUrl(`golden/${name}`)))
      t.ok(report.rows.length > 0, `${report.rows.length} tensors compared`)
      t.same(report.failed, [])
    })
  }
}
