import type { Source } from './walk.js'

/**
 * The floors of native/, lowest first. A file includes files of its own folder, of folders on lower
 * floors, and the public headers.
 */
export const floors: string[][] = [
  ['base'],
  ['tensor'],
  ['weights', 'kernels'],
  ['ops'],
  ['layers'],
  // The parts of pointers, and the families.
  ['vit', 'temporal', 'llm', 'sam2', 'fusion'],
  ['molmo'],
  // Their table, by which programs load.
  ['families'],
]

/** The addon: public headers, Node's and its own. */
const binding = 'binding'
/** The addon of the parity tests, which looks into everything. */
const parity = 'parity'

const floorOf = (folder: string): number => floors.findIndex(names => names.includes(folder))
const folderOf = (file: string): string => /^native\/([^/]+)\//.exec(file)?.[1] ?? ''

/** The quoted includes of a file. */
export const includesOf = ({ text }: Source): string[] =>
  [...text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map(match => match[1] as string)

function mayInclude(file: string, header: string): boolean {
  if (header.startsWith('videomolmo/')) return true
  const to = folderOf(header)
  if (file.startsWith('include/') || to === '') return false
  const from = folderOf(file)
  if (from === to || from === parity) return true
  if (from === binding) return false
  return floorOf(to) >= 0 && floorOf(to) < floorOf(from)
}

/** In the emulation, C++ stands in for the instructions of this header. */
const emulated = 'native/kernels/cuda/ptx.cuh -> test/native/cuda_emulation/ptx.h'

/** What a file includes and must not, as "file -> header". */
export const upwardIncludes = (source: Source): string[] =>
  includesOf(source)
    .filter(header => !mayInclude(source.file, header))
    .map(header => `${source.file} -> ${header}`)
    .filter(pair => pair !== emulated)

/** Floors that may tell one device from another. */
const knowDevices = new Set(['base', 'kernels', 'ops', parity])
const deviceName =
  /\bon_cuda\b|\bON_CUDA\b|\bkBuiltWithCuda\b|\bVMOLMO_HAVE_CUDA\b|\bKind::k(Cpu|Cuda)\b|\bcuda::/

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')

/** A device that a file names without a right to, as "file: name". */
export const deviceNames = (source: Source): string[] => {
  if (knowDevices.has(folderOf(source.file))) return []
  return withoutComments(source.text)
    .split('\n')
    .flatMap(line => deviceName.exec(line)?.[0] ?? [])
    .map(name => `${source.file}: ${name}`)
}
