import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { CheckpointError, ModelNotFoundError } from '../engine/errors.js'
import { checkpointFault } from '../json/faults.js'
import { readJson } from '../json/read.js'

/** What the model's configuration says about ids; the tokenizer has to agree with it. */
export interface ExpectedIds {
  /** Rows of both embedding tables together. */
  embeddingRows: number
  /** Ids by content, such as `<im_patch>`. */
  special: Record<string, number>
  /** The id that ends an answer; checked against the tokenizer's eos token where it names one. */
  eos?: number
}

export interface EncodeOptions {
  /**
   * What strings such as `<im_patch>` inside the text become: 'literal' (default) spells them out like
   * any other text, 'special' turns them into the model's control ids, as the reference does.
   */
  specialTokens?: 'literal' | 'special'
}

interface AddedToken {
  id: number
  content: string
}

interface TokenizerJson {
  model: { vocab: Record<string, number> }
  added_tokens?: AddedToken[]
}

interface TokenizerConfig {
  eos_token?: string | { content: string } | null
}

/** Text to token ids and back, from a checkpoint's tokenizer.json and tokenizer_config.json. */
export class TextTokenizer {
  readonly #tokenizer: Tokenizer
  readonly #idOf: Map<string, number>
  readonly #contentOf: Map<number, string>
  /** Matches any added token's content; null when there is none. */
  readonly #addedPattern: RegExp | null

  private constructor(tokenizer: Tokenizer, json: TokenizerJson) {
    this.#tokenizer = tokenizer
    const added = json.added_tokens ?? []
    this.#idOf = new Map(added.map(token => [token.content, token.id]))
    this.#contentOf = new Map(Object.entries(json.model.vocab).map(([text, id]) => [id, text]))
    for (const token of added) this.#contentOf.set(token.id, token.content)
    this.#addedPattern = patternOf(added.map(token => token.content))
  }

  /**
   * Reads the first folder that has a tokenizer.json (VideoMolmo's checkpoint may have none and then
   * takes Molmo's).
   *
   * @throws ModelNotFoundError when no folder has one, CheckpointError when it is broken or does not fit
   * the model's ids.
   */
  static async load(folders: string[], expected?: ExpectedIds): Promise<TextTokenizer> {
    for (const folder of folders) {
      const json = await readJson(join(folder, 'tokenizer.json'), checkpointFault)
      if (json === undefined) continue
      const config = await readJson(join(folder, 'tokenizer_config.json'), checkpointFault)
      return TextTokenizer.from(json.value, config?.value ?? {}, expected, folder)
    }
    throw new ModelNotFoundError(
      `There is no tokenizer.json in ${folders.map(folder => `"${folder}"`).join(' or ')}; ` +
        'a pointer needs one of its own or that of the model it was made from.',
    )
  }

  /** From parsed files; `origin` names them in messages. */
  static from(
    json: unknown,
    config: unknown,
    expected?: ExpectedIds,
    origin = 'the tokenizer',
  ): TextTokenizer {
    const checked = checkTokenizerJson(json, origin)
    let tokenizer: Tokenizer
    try {
      tokenizer = new Tokenizer(checked as object, config as object)
    } catch (cause) {
      throw new CheckpointError(`${origin}: tokenizer.json cannot be used (${messageOf(cause)}).`, {
        cause,
      })
    }
    const made = new TextTokenizer(tokenizer, checked)
    if (expected) made.#check(expected, config as TokenizerConfig, origin)
    return made
  }

  /** Token ids of a text, without BOS or EOS. */
  encode(text: string, options: EncodeOptions = {}): number[] {
    if (options.specialTokens === 'special') return this.#encodePiece(text)
    return this.#literalPieces(text).flatMap(piece => this.#encodePiece(piece))
  }

  /** The text of ids; special tokens and ids outside the vocabulary are left out, blanks are kept. */
  decode(ids: Iterable<number>): string {
    const known = [...ids].filter(id => this.#contentOf.has(id))
    if (known.length === 0) return ''
    return this.#tokenizer.decode(known, {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: false,
    })
  }

  /** The id of a token by its exact content, added tokens first. */
  idOf(content: string): number | undefined {
    return this.#idOf.get(content) ?? this.#tokenizer.token_to_id(content)
  }

  #encodePiece(text: string): number[] {
    if (text === '') return []
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids
  }

  // Cut inside every added token, so that no piece contains a whole one.
  #literalPieces(text: string): string[] {
    if (!this.#addedPattern) return [text]
    const pieces: string[] = []
    let begin = 0
    for (const match of text.matchAll(this.#addedPattern)) {
      const cut = match.index + [...match[0]][0]!.length
      pieces.push(text.slice(begin, cut))
      begin = cut
    }
    pieces.push(text.slice(begin))
    return pieces
  }

  #check(expected: ExpectedIds, config: TokenizerConfig, origin: string): void {
    for (const [content, id] of Object.entries(expected.special)) {
      const found = this.idOf(content)
      if (found !== id) {
        throw new CheckpointError(
          `${origin}: the token ${content} has ${found === undefined ? 'no id' : `id ${found}`}, ` +
            `the model's configuration expects ${id}; tokenizer and checkpoint do not belong together.`,
        )
      }
    }
    const largest = [...this.#contentOf.keys()].reduce((a, b) => Math.max(a, b), -1)
    if (largest >= expected.embeddingRows) {
      throw new CheckpointError(
        `${origin}: the tokenizer has ids up to ${largest}, the model's embedding tables have ` +
          `${expected.embeddingRows} rows; tokenizer and checkpoint do not belong together.`,
      )
    }
    const eosToken =
      typeof config.eos_token === 'object' ? config.eos_token?.content : config.eos_token
    if (expected.eos === undefined || eosToken === undefined || eosToken === null) return
    const eos = this.idOf(eosToken)
    if (eos !== expected.eos) {
      throw new CheckpointError(
        `${origin}: the end token ${eosToken} has ${eos === undefined ? 'no id' : `id ${eos}`}, ` +
          `the model's configuration expects ${expected.eos}.`,
      )
    }
  }
}

function patternOf(contents: string[]): RegExp | null {
  const parts = contents
    .filter(content => content.length > 1)
    .sort((a, b) => b.length - a.length)
    .map(content => content.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
  return parts.length > 0 ? new RegExp(parts.join('|'), 'g') : null
}

function checkTokenizerJson(json: unknown, origin: string): TokenizerJson {
  const vocab = (json as TokenizerJson | null)?.model?.vocab
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    throw new CheckpointError(`${origin}: tokenizer.json has no model.vocab object.`)
  }
  if (Object.keys(vocab).length === 0) {
    throw new CheckpointError(`${origin}: tokenizer.json has no tokens in model.vocab.`)
  }
  const added = (json as TokenizerJson).added_tokens ?? []
  const fits =
    Array.isArray(added) &&
    added.every(token => typeof token?.content === 'string' && Number.isInteger(token?.id))
  if (!fits || !Object.values(vocab).every(Number.isInteger)) {
    throw new CheckpointError(`${origin}: tokenizer.json has tokens without an integer id.`)
  }
  return json as TokenizerJson
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
