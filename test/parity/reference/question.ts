/**
 * Opt-in rewriting of questions into "Point to ...". It follows the released code's helper step by step and is as
 * rough as that ("Who is riding the bike?" becomes "Point to the ridinging the bike."), so nothing calls it unasked.
 */

const placeholders: Record<string, string> = {
  who: 'person',
  what: 'object',
  which: 'object',
  where: 'location',
  when: 'time',
  why: 'reason',
  how: 'manner',
}

const auxiliaries =
  'is|are|was|were|do|does|did|can|could|should|would|has|have|had|will|may|might|must'

const opening = new RegExp(
  `^(which|what|where|who|when|why|how)\\b(?:\\s+(?:${auxiliaries}))*\\s+(.*)$`,
  'is',
)

const startsWithArticle = /^(?:the|a|an)\b/i

const startsWithPlace =
  /^(?:on|in|at|under|over|above|below|next|looking|standing|sitting|lying|riding)\b/i

/** "Which dog is running?" as a pointing prompt. */
export function pointingPrompt(question: string): string {
  const { word, rest } = splitQuestion(question.trim().replace(/\?+$/, '').trim())
  const placeholder = placeholders[word]!
  let subject = rest
  if (word === 'what' || word === 'which') subject = withVerbLast(rest, placeholder)
  if (word === 'who') subject = withVerbFirst(rest)
  if (startsWithPlace.test(subject)) subject = `${placeholder} ${subject}`
  if (!startsWithArticle.test(subject)) subject = `the ${subject}`
  return `Point to ${subject}.`
}

function splitQuestion(text: string): { word: string; rest: string } {
  const match = opening.exec(text)
  if (!match) return { word: 'what', rest: text }
  return { word: match[1]!.toLowerCase(), rest: match[2]!.trim() }
}

/** "the man holding" to "object the man is holdinging". */
function withVerbLast(rest: string, placeholder: string): string {
  const space = rest.lastIndexOf(' ')
  if (space < 0) return rest
  const verb = rest.slice(space + 1)
  if (!/^[A-Za-z]+$/.test(verb)) return rest
  const before = rest.slice(0, space)
  const subject = startsWithArticle.test(before) ? before : `the ${before}`
  return `${placeholder} ${subject} is ${gerund(verb)}`
}

function withVerbFirst(rest: string): string {
  const words = rest.split(/\s+/).filter(word => word !== '')
  if (words.length === 0) return rest
  return [gerund(words[0]!), ...words.slice(1)].join(' ')
}

/** "runs" to "running", by rules of thumb. */
export function gerund(verb: string): string {
  const lower = verb.toLowerCase()
  if (lower.endsWith('ies')) return `${lower.slice(0, -3)}ying`
  if (lower.endsWith('es') && lower.length > 3) return `${lower.slice(0, -2)}ing`
  if (lower.endsWith('s') && lower.length > 2) {
    const stem = lower.slice(0, -1)
    return /[aeiou][^aeiou]$/.test(stem) ? `${stem}${stem.at(-1)}ing` : `${stem}ing`
  }
  return `${lower}ing`
}
