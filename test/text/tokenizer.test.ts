import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { promptText } from '../../lib/text/prompt.js'
import { TextTokenizer } from '../../lib/text/tokenizer.js'
import { referencePromptParts } from '../parity/reference/prompt.js'
import { fixtureUrl } from '../support/fixtures.js'
import { readTextCases } from './cases.js'

const folder = fileURLToPath(fixtureUrl('qwen2-vocabulary-excerpt'))
const special = {
  '<im_start>': 152064,
  '<im_end>': 152065,
  '<im_patch>': 152066,
  '<im_col>': 152067,
  '<|image|>': 152068,
}
const expected = { embeddingRows: 152064 + 128, special, eos: 151643 }
const { prompts, outputs } = readTextCases()

t.test('prompts and answers have the ids of Molmo-7B-D', async t => {
  const tokenizer = await TextTokenizer.load([folder], expected)
  for (const { prompt, ids } of prompts) {
    const [first, second] = referencePromptParts(prompt)
    const found = [first, second].flatMap(text =>
      tokenizer.encode(text, { specialTokens: 'special' }),
    )
    t.same(found, ids, prompt)
  }
  for (const { text, ids } of outputs) {
    t.same(tokenizer.encode(text), ids, text)
    t.equal(tokenizer.decode([...ids, 151643]), text, 'blanks stay, special tokens go')
  }
  t.equal(tokenizer.decode([]), '')
  t.equal(tokenizer.decode([999_999_999]), '', 'ids outside the vocabulary are left out')
})

t.test('special tokens in a sentence are plain text unless asked for', async t => {
  const tokenizer = await TextTokenizer.load([folder])
  const text = promptText(
    'Point to <im_patch> and <|endoftext|> |<EXTRA_TOKENS_0>|<im_start><im_start>',
  )
  const ids = tokenizer.encode(text)
  t.ok(
    ids.every(id => id < 151643),
    'no control id',
  )
  t.equal(tokenizer.decode(ids), text, 'nothing is lost')
  t.ok(tokenizer.encode(text, { specialTokens: 'special' }).includes(152066))
})

t.test('the second folder is used when the first has no tokenizer', async t => {
  const empty = t.testdir({})
  const tokenizer = await TextTokenizer.load([empty, folder], expected)
  t.equal(tokenizer.idOf('<im_col>'), 152067)
  await t.rejects(TextTokenizer.load([empty, join(empty, 'nowhere')]), {
    code: 'MODEL_NOT_FOUND',
    message: /tokenizer\.json/,
  })
})

t.test('a tokenizer that does not fit the model', async t => {
  const misfit = { code: 'CHECKPOINT_INVALID' }
  const shifted = { ...expected, special: { ...special, '<im_patch>': 7 } }
  await t.rejects(TextTokenizer.load([folder], shifted), {
    ...misfit,
    message: /<im_patch>.*152066/s,
  })
  const absent = { ...expected, special: { '<im_other>': 7 } }
  await t.rejects(TextTokenizer.load([folder], absent), { ...misfit, message: /no id/ })
  const small = { ...expected, embeddingRows: 152064 }
  await t.rejects(TextTokenizer.load([folder], small), { ...misfit, message: /152068.*152064/s })
  const otherEnd = { ...expected, eos: 100257 }
  await t.rejects(TextTokenizer.load([folder], otherEnd), { ...misfit, message: /endoftext/ })
})

t.test('broken tokenizer files', async t => {
  const files: Record<string, string> = {
    'no JSON': '{"model": ',
    'no vocabulary': '{"model": {"type": "BPE"}}',
    'an empty vocabulary': '{"model": {"type": "BPE", "vocab": {}, "merges": []}}',
    'ids that are no integers': '{"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}}',
    'an unknown model': '{"model": {"type": "Nonsense", "vocab": [], "merges": []}}',
  }
  const root = t.testdir({})
  for (const [what, text] of Object.entries(files)) {
    const broken = join(root, what.replaceAll(' ', '-'))
    mkdirSync(broken)
    writeFileSync(join(broken, 'tokenizer.json'), text)
    await t.rejects(TextTokenizer.load([broken]), { code: 'CHECKPOINT_INVALID' }, what)
  }
})

t.test('unusual text', async t => {
  const tokenizer = await TextTokenizer.load([folder])
  t.doesNotThrow(() => tokenizer.encode('\ud800 lone surrogate'))
  t.same(tokenizer.encode(''), [])
  const long = tokenizer.encode('ab '.repeat(6000))
  t.ok(long.length > 4096, 'long text is tokenized whole; the engine judges its length')
})
