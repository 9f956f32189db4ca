import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fixtureUrl } from '../support/fixtures.js'
import { runGoldenSet } from './runner/run.js'

/** One subtest per golden set of test/fixtures/golden: every stage within its tolerance. */
export function checkSets(...names: string[]): void {
  checkSetsOf('golden', ...names)
}

export function checkSetsOf(folder: string, ...names: string[]): void {
  for (const name of names) {
    t.test(name, async t => {
      const report = await runGoldenSet(fileURLToPath(fixtureUrl(`${folder}/${name}`)))
      t.ok(report.rows.length > 0, `${report.rows.length} tensors compared`)
      t.same(report.failed, [])
    })
  }
}
