import { answerTemplate, parseAnswer } from '../text/answer.js'
import { promptText } from '../text/prompt.js'
import { TextTokenizer } from '../text/tokenizer.js'
import type {
  Capabilities,
  CheckpointFiles,
  ModelDescription,
  PointerFamily,
  PointerText,
} from './family.js'
import type { Fields } from './fields.js'
import { type MolmoAttributes, molmoAttributes } from './molmo-attributes.js'

/** Molmo and VideoMolmo. */
export const molmo: PointerFamily = {
  name: 'molmo',
  kind: 'pointer',
  title: 'Molmo or VideoMolmo',
  modelTypes: ['molmo'],
  files: ['config.json', 'tokenizer.json'],
  describe,
  async text({ attributes }: ModelDescription, folders) {
    return textOf(await loadTokenizer(attributes as MolmoAttributes, folders))
  },
}

async function describe(files: CheckpointFiles): Promise<ModelDescription> {
  const has = (part: string) => files.tensors.some(({ name }) => name.includes(part))
  const config = files.config!
  const eos = await endOfText(files, config)
  const preprocessor = await files.json('preprocessor_config.json')
  const attributes = molmoAttributes(config, {
    temporalAdapter: has('vision_backbone.adapter.'),
    padEmbed: has('vision_backbone.pad_embed'),
    ...(eos === undefined ? {} : { eos }),
    ...(preprocessor ? { preprocessor } : {}),
  })
  return { attributes, capabilities: molmoCapabilities(attributes) }
}

export const molmoCapabilities = ({
  previousFrames,
}: Pick<MolmoAttributes, 'previousFrames'>): Capabilities => ({
  text: true,
  points: true,
  previousFrames,
  masks: false,
  videoMemory: false,
  tracks: false,
})

/** The end-of-text id from the first file that has it. */
async function endOfText(files: CheckpointFiles, config: Fields): Promise<number | undefined> {
  const generation = await files.json('generation_config.json')
  for (const fields of [generation, config]) {
    const value = fields?.object.eos_token_id
    if (Array.isArray(value)) return fields!.numbers('eos_token_id', [])[0]
    if (fields?.has('eos_token_id')) return fields.integer('eos_token_id')
  }
  const tokenizer = await files.json('tokenizer_config.json')
  const token = tokenizer?.object.eos_token
  const content =
    typeof token === 'object' ? (token as { content?: unknown } | null)?.content : token
  if (typeof content !== 'string') return undefined
  for (const [id, entry] of Object.entries(tokenizer!.child('added_tokens_decoder').object)) {
    if ((entry as { content?: unknown } | null)?.content === content) return Number(id)
  }
  const added = await files.json('added_tokens.json')
  if (added?.has(content)) return added.integer(content)
  return addedToken(await files.json('tokenizer.json'), content)
}

function addedToken(tokenizer: Fields | undefined, content: string): number | undefined {
  const tokens = tokenizer?.object.added_tokens
  if (!Array.isArray(tokens)) return undefined
  return tokens.find(token => token?.content === content)?.id
}

function loadTokenizer(
  { tokens, decoder, eos }: MolmoAttributes,
  folders: readonly string[],
): Promise<TextTokenizer> {
  return TextTokenizer.load([...folders], {
    embeddingRows: decoder.vocabSize + decoder.extraVocabSize,
    special: {
      '<im_start>': tokens.start,
      '<im_end>': tokens.end,
      '<im_patch>': tokens.patch,
      '<im_col>': tokens.col,
    },
    eos,
  })
}

function textOf(tokenizer: TextTokenizer): PointerText {
  return {
    encodePrompt: query => Int32Array.from(tokenizer.encode(promptText(query))),
    encodeDraft: query => Int32Array.from(tokenizer.encode(answerTemplate(query))),
    decode: ids => tokenizer.decode(ids),
    parse: (answer, width, height) =>
      parseAnswer(answer, width, height).points.map(({ x, y }) => ({ x, y })),
  }
}
