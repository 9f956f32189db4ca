import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dataset } from '../../lib/datasets/dataset.js'
import { readMaskFile } from '../../lib/datasets/files.js'
import { openDataset } from '../../lib/datasets/open.js'
import { Problems } from '../../lib/datasets/problems.js'
import { mergeMasks, resultParts, writeResult } from '../../lib/datasets/results.js'
import { type ItemScore, scoreSequence } from '../../lib/evaluate/score-sequence.js'
import { meanOf, statisticsOf } from '../../lib/metrics/statistics.js'
import { readFixture } from '../support/fixtures.js'
import { drawMiniDatasets } from '../support/mini-datasets.js'

/** Tiny data sets with results, and the scores that the benchmarks' own code gives. */
const mini = await drawMiniDatasets(t.testdir())

interface LabelScores {
  J_recall: number
  J_decay: number
  F_recall: number
  F_decay: number
  J_per_object: { [name: string]: number }
  F_per_object: { [name: string]: number }
}

interface SentenceScores {
  per_expression: { [name: string]: [j: number, f: number] }
}

const expected = readFixture<{
  mevis: SentenceScores
  reasonvos: SentenceScores
  refdavis: {
    four_annotations: { annotations: LabelScores[]; J: number; F: number }
    semi_supervised: LabelScores[]
    per_expression: { values: SentenceScores['per_expression'] }
  }
}>('metrics/mini/expected.json')

const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9

async function scoreAll(dataset: Dataset, results: string): Promise<Map<string, ItemScore>> {
  const items = new Map<string, ItemScore>()
  for (const sequence of dataset.sequences) {
    const scored = await scoreSequence(dataset, sequence, results, true)
    for (const item of scored.items) items.set(`${sequence.id}_${item.id}`, item)
  }
  return items
}

function checkSentences(
  t: Test,
  items: Map<string, ItemScore>,
  scores: SentenceScores['per_expression'],
): void {
  t.same([...items.keys()].sort(), Object.keys(scores).sort())
  for (const [name, [j, f]] of Object.entries(scores)) {
    const item = items.get(name)
    if (!item) continue
    t.ok(close(meanOf(item.j)!, j), `${name}: J ${meanOf(item.j)}, expected ${j}`)
    t.ok(close(meanOf(item.f)!, f), `${name}: F ${meanOf(item.f)}, expected ${f}`)
  }
}

function checkObjects(t: Test, items: Map<string, ItemScore>, wanted: LabelScores): void {
  for (const [name, j] of Object.entries(wanted.J_per_object)) {
    const item = items.get(name)!
    t.ok(close(meanOf(item.j)!, j), `${name}: J ${meanOf(item.j)}, expected ${j}`)
    const f = wanted.F_per_object[name]!
    t.ok(close(meanOf(item.f)!, f), `${name}: F ${meanOf(item.f)}, expected ${f}`)
  }
  for (const [key, values] of [
    ['J', [...items.values()].map(({ j }) => statisticsOf(j))],
    ['F', [...items.values()].map(({ f }) => statisticsOf(f))],
  ] as const) {
    const recall = meanOf(values.map(value => value.recall!))!
    const decay = meanOf(values.map(value => value.decay!))!
    t.ok(close(recall, wanted[`${key}_recall`]), `${key} recall ${recall}`)
    t.ok(close(decay, wanted[`${key}_decay`]), `${key} decay ${decay}`)
  }
}

t.test('MeViS: a video without results counts as 0', async t => {
  const dataset = await openDataset('mevis', join(mini, 'mevis'))
  const items = await scoreAll(dataset, join(mini, 'mevis/results'))
  checkSentences(t, items, expected.mevis.per_expression)
})

t.test('ReasonVOS: a sentence without results is left out', async t => {
  const dataset = await openDataset('reason-vos', join(mini, 'reasonvos'))
  const items = new Map<string, ItemScore>()
  for (const sequence of dataset.sequences) {
    const scored = await scoreSequence(dataset, sequence, join(mini, 'reasonvos/results'), true)
    for (const item of scored.items) {
      const { objectId } = sequence.expressions.find(({ id }) => id === item.id)!
      items.set(`${sequence.subset}_${sequence.id}_${objectId}_${item.id}`, item)
    }
  }
  checkSentences(t, items, expected.reasonvos.per_expression)
})

t.test('Refer-YouTube-VOS: videos of the test list are left out', async t => {
  const { sequences } = await openDataset('ref-youtube-vos', join(mini, 'refytvos'))
  const read = (split: string) => {
    const path = join(mini, 'refytvos/meta_expressions', split, 'meta_expressions.json')
    return Object.keys(JSON.parse(readFileSync(path, 'utf8')).videos)
  }
  const test = read('test')
  t.same(
    sequences.map(({ id }) => id).sort(),
    read('valid')
      .filter(id => !test.includes(id))
      .sort(),
  )
  t.ok(test.length > 0 && sequences.length > 0)
})

const refdavis = join(mini, 'refdavis')

/** Merges the masks of every sentence as Ref-DAVIS17 does. */
async function writeMerged(dataset: Dataset, root: string): Promise<void> {
  for (const sequence of dataset.sequences) {
    for (const [a, part] of resultParts(dataset, sequence).entries()) {
      const ids = sequence.expressions.map(({ id }) => id).filter(id => Number(id) % 4 === a)
      for (const frame of part.frames) {
        const folder = join(refdavis, 'per_expression', sequence.id)
        const masks = await Promise.all(
          ids.map(id => readMaskFile(join(folder, id, `${frame}.png`))),
        )
        const { width, height } = masks[0]!
        const merged = mergeMasks(
          masks.map(({ data }) => data),
          width,
          height,
        )
        await writeResult(root, part, frame, merged)
      }
    }
  }
}

t.test('Ref-DAVIS17: four annotations, merged and assigned', async t => {
  const root = t.testdir()
  const dataset = await openDataset('ref-davis17', refdavis)
  await writeMerged(dataset, root)
  t.same(readdirSync(root).sort(), ['anno_0', 'anno_1', 'anno_2', 'anno_3'])
  for (const sequence of ['alpha', 'beta']) {
    for (const frame of readdirSync(join(refdavis, 'results/anno_0', sequence))) {
      const [ours, theirs] = await Promise.all([
        readMaskFile(join(root, 'anno_0', sequence, frame)),
        readMaskFile(join(refdavis, 'results/anno_0', sequence, frame)),
      ])
      t.same(ours, theirs, `${sequence}/${frame}`)
    }
  }
  const all = await scoreAll(dataset, root)
  const { annotations, J, F } = expected.refdavis.four_annotations
  for (const [a, wanted] of annotations.entries()) {
    const items = new Map(
      [...all]
        .filter(([name]) => name.includes(`_anno_${a}/`))
        .map(([name, item]) => [name.replace(`anno_${a}/`, ''), item]),
    )
    checkObjects(t, items, wanted)
  }
  const scores = [...all.values()]
  t.ok(close(meanOf(scores.map(({ j }) => meanOf(j)!))!, J))
  t.ok(close(meanOf(scores.map(({ f }) => meanOf(f)!))!, F))
  const semi = await openDataset('davis17', refdavis)
  for (const [a, wanted] of expected.refdavis.semi_supervised.entries()) {
    checkObjects(t, await scoreAll(semi, join(root, `anno_${a}`)), wanted)
  }
})

t.test('Ref-DAVIS17: every sentence on its own', async t => {
  const dataset = await openDataset('ref-davis17', refdavis, { protocol: 'per_expression' })
  const items = await scoreAll(dataset, join(refdavis, 'per_expression'))
  checkSentences(t, items, expected.refdavis.per_expression.values)
})

t.test('strict scoring names what is missing', async t => {
  const dataset = await openDataset('mevis', join(mini, 'mevis'))
  const results = join(mini, 'mevis/results')
  const without = dataset.sequences.find(({ id }) => id === 'aa00bb11cc22')!
  await t.rejects(scoreSequence(dataset, without, results), {
    code: 'DATASET_INVALID',
    fault: 'missing',
    path: join(results, 'aa00bb11cc22/0'),
  })
  const problems = new Problems(true)
  const { problems: found } = await scoreSequence(dataset, without, results, true)
  t.same(problems.list, [])
  t.match(found, [{ fault: 'missing', path: /aa00bb11cc22/ }])
})
