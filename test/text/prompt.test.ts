import t from 'tap'
import { maxSentenceLength, promptText } from '../../lib/text/prompt.js'
import { chatTemplate, molmoPromptText, referencePromptParts } from '../parity/reference/prompt.js'
import { readTextCases } from './cases.js'

const { prompts } = readTextCases()

for (const { prompt, template, messages } of prompts) {
  t.equal(chatTemplate(prompt), template, prompt)
  t.same(referencePromptParts(prompt), messages, prompt)
  const ordinary = prompt.trim() !== '' && !prompt.includes('Assistant:')
  if (ordinary) t.equal(promptText(prompt), messages[0], prompt)
}

t.equal(promptText('What does Assistant: mean?'), ' User: What does Assistant: mean? Assistant:')
t.equal(promptText('cars', { style: 'point_count' }), ' User: point_count: cars Assistant:')
t.equal(molmoPromptText('a '), ' User: a  Assistant:')
for (const empty of ['', ' \n\t']) {
  t.throws(() => promptText(empty), { code: 'INVALID_ARGUMENT', message: /empty/ })
}
t.throws(() => promptText('a'.repeat(100_000)), { code: 'INVALID_ARGUMENT', message: /100000/ })
t.equal(promptText('a'.repeat(maxSentenceLength)).length, maxSentenceLength + 18)
t.throws(() => promptText(7 as unknown as string), { code: 'INVALID_ARGUMENT' })
