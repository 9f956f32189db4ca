import { readFixture } from '../support/fixtures.js'

export interface TextCases {
  parse: {
    text: string
    width: number
    height: number
    /** null where the reference raises. */
    points: [number, number][] | null
    better?: [number, number][]
    molmo_eval_points: [number, number][]
  }[]
  questions: { question: string; prompt: string | null }[]
  gerunds: { verb: string; gerund: string }[]
  prompts: { prompt: string; template: string; messages: [string, string]; ids: number[] }[]
  outputs: { text: string; ids: number[]; pieces: string[] }[]
}

export function readTextCases(): TextCases {
  return readFixture<TextCases>('text/cases.json')
}
