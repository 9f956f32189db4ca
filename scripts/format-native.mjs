// Formats the C++ and CUDA sources by .clang-format, or only checks them:
//   node scripts/format-native.mjs [--check] [file...]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from '@wasm-fmt/clang-format'

const root = fileURLToPath(new URL('..', import.meta.url))
const style = readFileSync(path.join(root, '.clang-format'), 'utf8')
const check = process.argv.includes('--check')
const named = process.argv.slice(2).filter(argument => !argument.startsWith('--'))

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(file)
    else if (/\.(cc|h|inc|cu|cuh)$/.test(entry.name)) yield file
  }
}

function* everything() {
  for (const room of ['include', 'native', 'test/native', 'bench', 'examples/cpp']) {
    try {
      yield* sources(path.join(root, room))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }
}

let different = 0
for (const file of named.length > 0 ? named : everything()) {
  const text = readFileSync(file, 'utf8')
  const formatted = format(text, file, style)
  if (formatted === text) continue
  different++
  if (check) console.error(`${path.relative(root, file)}: not formatted`)
  else writeFileSync(file, formatted)
}
if (check && different > 0) {
  console.error(`${different} files differ from .clang-format; run npm run format`)
  process.exitCode = 1
}
