import { trim } from '../../../lib/text/prompt.js'

/**
 * VideoMolmo's own rendering: the chat template's text is split at `Assistant:` and put
 * together again as two strings whose ids follow each other. For a prompt that contains `Assistant:` itself the
 * text behind it ends up behind the marker (promptText keeps such a prompt whole).
 */
export function referencePromptParts(prompt: string): [string, string] {
  const parts = chatTemplate(prompt).split('Assistant:')
  return [` ${trim(parts[0]!)} Assistant:`, trim(parts[1] ?? '')]
}

/** The chat template's rendering of [user: prompt, assistant: ""]. */
export function chatTemplate(prompt: string): string {
  return `User: ${prompt} Assistant: `
}

/** Molmo's processor: one string, nothing stripped. */
export function molmoPromptText(prompt: string): string {
  return ` User: ${prompt} Assistant:`
}
