import { fileURLToPath } from 'node:url'
import { parseAnswer } from '../../../lib/text/answer.js'
import { TextTokenizer } from '../../../lib/text/tokenizer.js'
import { fixtureUrl } from '../../support/fixtures.js'
import type { TextCases } from '../../text/cases.js'
import { parseEvaluationAnswer, parseReferenceAnswer } from '../reference/answer.js'
import { chatTemplate, referencePromptParts } from '../reference/prompt.js'
import { gerund, pointingPrompt } from '../reference/question.js'
import type { GoldenSet } from './golden.js'
import { Report } from './report.js'

/** Strings only: answers to points, questions to prompts, prompts to token ids. */
export async function runText(set: GoldenSet): Promise<Report> {
  const report = new Report(set, 'text')
  const cases = set.cases as unknown as Partial<TextCases>
  for (const [index, one] of (cases.parse ?? []).entries()) checkParse(report, index, one)
  for (const [index, { question, prompt }] of (cases.questions ?? []).entries()) {
    if (prompt === null) report.skip(`questions.${index}`, 'the reference raises')
    else report.check(`questions.${index}`, pointingPrompt(question) === prompt, question)
  }
  for (const { verb, gerund: expected } of cases.gerunds ?? []) {
    report.check(`gerunds.${verb}`, gerund(verb) === expected)
  }
  await checkTokens(set, report, cases)
  return report.finish()
}

type ParseCase = TextCases['parse'][number]

function checkParse(report: Report, index: number, one: ParseCase): void {
  const { text, width, height, points, better } = one
  const name = `parse.${index}`
  const robust = parseAnswer(text, width, height).points.map(({ x, y }) => [x, y])
  if (points === null) {
    report.check(
      `${name}.points`,
      throws(() => parseReferenceAnswer(text, width, height)),
      text,
    )
    if (better) report.values(`${name}.better`, robust.flat(), better.flat(), 0)
  } else {
    const reference = parseReferenceAnswer(text, width, height)
    report.values(`${name}.points`, reference.flat(), points.flat(), 0)
    report.values(`${name}.better`, robust.flat(), (better ?? points).flat(), 0)
  }
  const evaluated = parseEvaluationAnswer(text, width, height)
  report.values(
    `${name}.molmo_eval_points`,
    evaluated.flat(),
    one.molmo_eval_points.flat(),
    report.set.tolerance('parse.molmo_eval_points'),
  )
}

function throws(body: () => unknown): boolean {
  try {
    body()
    return false
  } catch {
    return true
  }
}

/** The set's own tokenizer, or else an excerpt of Qwen2's vocabulary that holds the usual prompts. */
async function checkTokens(
  set: GoldenSet,
  report: Report,
  cases: Partial<TextCases>,
): Promise<void> {
  const excerpt = fileURLToPath(fixtureUrl('qwen2-vocabulary-excerpt'))
  const tokenizer = await TextTokenizer.load([set.folder, excerpt])
  const knows = (ids: number[]) => ids.every(id => tokenizer.decode([id]) !== '' || id >= 151643)
  for (const [index, { prompt, template, messages, ids }] of (cases.prompts ?? []).entries()) {
    const name = `prompts.${index}`
    const parts = referencePromptParts(prompt)
    report.check(`${name}.template`, chatTemplate(prompt) === template, prompt)
    report.check(`${name}.messages`, parts[0] === messages[0] && parts[1] === messages[1], prompt)
    if (!knows(ids)) {
      report.skip(`${name}.ids`, 'its tokens are not in the vocabulary at hand')
      continue
    }
    const found = parts.flatMap(text => tokenizer.encode(text, { specialTokens: 'special' }))
    report.values(`${name}.ids`, found, ids, 0)
  }
  for (const [index, { text, ids }] of (cases.outputs ?? []).entries()) {
    const name = `outputs.${index}.ids`
    if (!knows(ids)) report.skip(name, 'its tokens are not in the vocabulary at hand')
    else report.values(name, tokenizer.encode(text), ids, 0)
  }
}
