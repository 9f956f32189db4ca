// What `npm run check:cuda` does, step by step, as data.
import path from 'node:path'

const node = process.execPath
const parity = 'dist/test/parity/main.js'
const bench = ['dist/bench/main.js', 'cuda']
const fixtures = 'test/fixtures'
const golden = `${fixtures}/golden`

/**
 * Golden sets of pointers and segmenters; the tiny ones are those that the sanitizer gets through. FP4's
 * set is the CPU's: a GPU makes products of quantised weights on tensor cores.
 */
const TINY = ['molmo-tiny', 'sam2-tiny-containers']
const SETS = [
  ...TINY,
  'molmo-tiny-olmo',
  'videomolmo-tiny',
  'videomolmo-tiny-odd',
  'videomolmo-real-widths-hash',
  'sam2-tiny-image',
  'sam2-tiny-video',
  'sam2-tiny-video-20',
  'sam2.1-hiera-tiny-hash',
]
const EMBEDDED = ['pointer-embedded', 'segmenter-embedded'].map(name => `${fixtures}/${name}`)
const inGolden = names => names.map(name => `${golden}/${name}`)

/** Every tensor at an address of its own, so that the sanitizer sees its ends. */
const DIRECT = { VIDEOMOLMO_CUDA_MEMORY: 'direct' }

/** compute-sanitizer's exit code for what it found. */
const FOUND = '9'

function sanitizer(tool, what, command) {
  return {
    name: `${tool}-${what}`,
    what: `compute-sanitizer ${tool} over ${what === 'tests' ? 'the kernel tests' : 'tiny golden sets'}`,
    needs: 'compute-sanitizer',
    env: DIRECT,
    command: [
      'compute-sanitizer',
      '--tool',
      tool,
      '--error-exitcode',
      FOUND,
      '--target-processes',
      'all',
      ...command,
    ],
  }
}

/** One piece of the benchmark per step, so that each fits ten minutes. */
function benchSteps(results) {
  const step = (name, args) => ({
    name: `bench-${name}`,
    what: `benchmark: ${args.join(' ')}`,
    command: [node, ...bench, ...args, '--results', results],
  })
  const dtypes = ['bf16', 'int8', 'int4', 'fp4']
  return [
    step('kernels', ['kernels']),
    ...dtypes.map(dtype => step(`pointer-${dtype}`, ['pointer', 'decode', '--dtype', dtype])),
    step('sam2', ['sam2']),
    ...['bf16', 'int4'].map(dtype => step(`ground-${dtype}`, ['ground', '--dtype', dtype])),
    step('memory', ['memory']),
    step('pytorch-pointer', ['pytorch-pointer']),
    ...['tiny', 'large'].map(model =>
      step(`pytorch-sam2-${model}`, ['pytorch-sam2', `--torch=--models ${model}`]),
    ),
  ]
}

/**
 * The steps for a device.
 *
 * @param architecture of its kernels as CMake names it, such as 90a.
 * @param folders of further golden sets.
 * @param results folder of the benchmark's rows.
 * @param page file that the benchmark's page is written to.
 */
export function steps({ architecture, folders = [], results, page }) {
  const tests = 'build/videomolmo_cuda_device_tests'
  const onDevice = [node, parity, '--quiet', '--device', 'cuda']
  const tiny = [...onDevice, ...inGolden(TINY)]
  const sets = [...onDevice, ...inGolden(SETS), ...EMBEDDED, ...folders]
  return [
    {
      name: 'build',
      what: `library, tests and benchmarks for ${architecture}`,
      env: { VIDEOMOLMO_CUDA_ARCHITECTURES: architecture },
      command: ['npm', 'run', 'build:tests'],
    },
    {
      name: 'doctor',
      what: 'what the library finds',
      command: [node, 'dist/lib/cli/main.js', 'doctor'],
    },
    { name: 'tests', what: 'every kernel and op against its CPU reference', command: [tests] },
    {
      name: 'kernels',
      what: "the benchmark's kernels at small sizes against double precision",
      command: ['build/videomolmo_cuda_bench', '--check'],
    },
    {
      name: 'parity',
      what: 'golden sets in fp32: 1e-3 and equal ids',
      command: sets,
    },
    {
      name: 'parity-bf16',
      what: 'the same sets in bf16: within the derived bounds, masks by their IoU',
      command: [...sets, '--dtype', 'bf16'],
    },
    sanitizer('memcheck', 'tests', [tests]),
    sanitizer('racecheck', 'tests', [tests]),
    sanitizer('memcheck', 'sets', tiny),
    sanitizer('racecheck', 'sets', tiny),
    ...benchSteps(results),
    {
      name: 'table',
      what: "the benchmark's page",
      command: [node, ...bench, 'table', '--results', results, '--save', path.normalize(page)],
    },
  ]
}

/** One shell line, as somebody would type it. */
export function commandLine({ env = {}, command }) {
  const word = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`)
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return [...settings, ...command.map(word)].join(' ')
}
