import t from 'tap'
import { gerund, pointingPrompt } from '../parity/reference/question.js'
import { readTextCases } from './cases.js'

const { questions, gerunds } = readTextCases()

for (const { question, prompt } of questions) t.equal(pointingPrompt(question), prompt, question)
for (const { verb, gerund: expected } of gerunds) t.equal(gerund(verb), expected, verb)
