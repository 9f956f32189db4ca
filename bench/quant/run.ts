import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addon } from '../../lib/engine/loader.js'
import { readCheckpoint } from '../../lib/hub/checkpoint.js'
import { EMBEDDED } from '../../lib/load/settings.js'
import { GoldenSet } from '../../test/parity/runner/golden.js'
import { pointerCases, pointerModel } from '../../test/parity/runner/pointer.js'
import { compareWith, type Exact, readExact, type Subject } from './compare.js'
import { demoCases } from './demo.js'

/**
 * npm run bench -- quant [SET...]: what each weight type costs in accuracy, against the model in fp32:
 * the relative L2 error of the logits behind the prompt, and how many tokens stay the same when each
 * follows the exact ones before it. On the golden sets of the fixtures (random weights, which are
 * harsh on few bits) and the embedded pointer on the demo clip.
 */
const TYPES = [
  { dtype: 'bf16' },
  { dtype: 'int8' },
  { dtype: 'int4', groupSize: 64 },
  { dtype: 'int4', groupSize: 128 },
  { dtype: 'fp4' },
] as const

// This file runs from dist/bench/quant.
const fixtures = fileURLToPath(new URL('../../../test/fixtures/golden/', import.meta.url))

function goldenSubject(folder: string): Subject {
  const set = new GoldenSet(folder)
  const { attributes, weights } = pointerModel(set)
  const cases = pointerCases(set, attributes.previousFrames)
  return { name: set.meta.name, attributes, weights, cases }
}

async function embeddedSubject(): Promise<Subject> {
  const { attributes, weights } = await readCheckpoint(EMBEDDED.pointer)
  return {
    name: 'embedded pointer, demo clip',
    attributes,
    weights: { path: weights },
    cases: await demoCases(),
  }
}

async function measure(subject: Subject, threads: number): Promise<void> {
  const { attributes, weights } = subject
  const load = (type: { dtype: 'fp32' } | (typeof TYPES)[number]) =>
    addon().loadPointer({ family: 'molmo', attributes, weights, threads, ...type })
  const pointer = await load({ dtype: 'fp32' })
  const { weightBytes } = pointer.info()
  const exact: Exact[] = await readExact(pointer, subject)
  await pointer.dispose()
  const tokens = exact.reduce((sum, { ids }) => sum + ids.length, 0)
  console.log(`\n${subject.name}: ${exact.length} answers, ${tokens} tokens\n`)
  console.log('| dtype | memory of fp32 | logits, relative L2 | same tokens |')
  console.log('| --- | ---: | ---: | ---: |')
  for (const type of TYPES) {
    const other = await load(type)
    const { error, same } = await compareWith(other, subject, exact)
    const memory = `${((100 * other.info().weightBytes) / weightBytes).toFixed(0)} %`
    await other.dispose()
    const name = 'groupSize' in type ? `${type.dtype}, groups of ${type.groupSize}` : type.dtype
    console.log(
      `| ${name} | ${memory} | ${error.toPrecision(2)} | ${((100 * same) / tokens).toFixed(1)} % |`,
    )
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: 'string', default: '0' } },
})
const sets = positionals.length > 0 ? positionals : [path.join(fixtures, 'videomolmo-tiny')]
for (const folder of sets) await measure(goldenSubject(folder), Number(values.threads))
await measure(await embeddedSubject(), Number(values.threads))
