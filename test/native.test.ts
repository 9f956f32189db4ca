import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { addon } from '../lib/engine/loader.js'

/** The package's root: this file runs from dist/test. */
const root = fileURLToPath(new URL('../..', import.meta.url))
const places = ['build/Release', 'build', 'build/native']
const find = (name: string) =>
  places.map(place => path.join(root, place, name)).find(file => existsSync(file))
const found = find('videomolmo_native_tests')
const foundCuda = find('videomolmo_cuda_tests')

function run(cpu: string, ...args: string[]) {
  return spawnSync(found!, args, { encoding: 'utf8', env: { ...process.env, VIDEOMOLMO_CPU: cpu } })
}

if (found === undefined) {
  t.fail(
    `videomolmo_native_tests is in none of ${places.join(', ')}: run npm run build:tests first`,
  )
} else {
  t.test('every native case passes', async t => {
    const { status, stdout } = run('')
    const results = stdout.split('\n').filter(line => /^(not )?ok /.test(line))
    t.ok(results.length >= 15, 'the cases ran')
    for (const line of results) t.ok(line.startsWith('ok '), line.replace(/^(not )?ok \d+ - /, ''))
    t.equal(status, 0, stdout)
  })

  t.test('the portable kernels serve the ops when they are forced', async t => {
    const { status, stdout } = run('portable')
    t.equal(status, 0, stdout)
  })

  t.test('an unknown instruction set is an error that names the supported ones', async t => {
    const { status, stdout } = run('pentium', 'linear')
    t.not(status, 0)
    t.match(stdout, /VIDEOMOLMO_CPU=pentium .*it supports portable/)
  })
}

t.test('every kernel case passes on the emulated CUDA device', async t => {
  if (foundCuda === undefined) {
    return t.fail(
      `videomolmo_cuda_tests is in none of ${places.join(', ')}: run npm run build:tests first`,
    )
  }
  const { status, stdout, stderr } = spawnSync(foundCuda, { encoding: 'utf8' })
  const results = stdout.split('\n').filter(line => /^(not )?ok /.test(line))
  t.ok(results.length >= 7, 'the cases ran')
  for (const line of results) t.ok(line.startsWith('ok '), line.replace(/^(not )?ok \d+ - /, ''))
  t.equal(status, 0, stdout + stderr)
})

t.test('the CUDA benchmark checks its cases on the emulated device', async t => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'dist/bench/main.js'), 'cuda', '--emulated', 'kernels'],
    { encoding: 'utf8' },
  )
  t.match(stdout, /window attention: 13 crops, pooling +right/)
  t.match(stdout, /\d+ cases, 0 wrong/)
  t.equal(status, 0, stdout + stderr)
})

const bench = find('videomolmo_cuda_bench')
const skip =
  bench === undefined
    ? 'built without CUDA'
    : addon().cuda().devices.length > 0 && 'there is a device'
t.test('without a device the CUDA benchmark and the device tests say so', { skip }, async t => {
  for (const program of [bench!, find('videomolmo_cuda_device_tests')!]) {
    const { status, stderr } = spawnSync(program, ['window'], { encoding: 'utf8' })
    t.match(stderr, /^No CUDA device: ./, program)
    t.equal(status, 3, program)
  }
})
