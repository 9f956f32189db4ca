import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { addon } from '../../lib/engine/loader.js'
import { EMBEDDED, Pointer, Segmenter } from '../../lib/index.js'
import { FRAME, squareFrame } from '../support/segmenter.js'

const invalid = (message: RegExp) => ({ code: 'CHECKPOINT_INVALID', message })

function copyOf(t: Test, kind: 'pointer' | 'segmenter'): { folder: string; file: string } {
  const folder = join(t.testdir({}), kind)
  cpSync(EMBEDDED[kind], folder, { recursive: true })
  return { folder, file: join(folder, 'model.safetensors') }
}

/** Puts a value in the place of a tensor's first element, or of all of them. */
function spoil(file: string, tensor: string, value = Number.NaN, all = false): void {
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString())
  const { dtype, data_offsets } = header[tensor]
  const float = Buffer.alloc(4)
  float.writeFloatLE(value)
  // The upper half of a float is its bfloat16.
  const element = dtype === 'F32' ? float : float.subarray(2)
  const [begin, end] = data_offsets.map((offset: number) => 8 + length + offset)
  for (let at = begin; at < (all ? end : begin + 1); at += element.length) element.copy(bytes, at)
  writeFileSync(file, bytes)
}

const MATRIX = 'sam_mask_decoder.transformer.layers.0.self_attn.q_proj.weight'
const VECTOR = 'sam_mask_decoder.transformer.layers.0.norm1.weight'
/** Finite, and too large for anything that is computed with it. */
const HUGE = 3e38

t.test('a weight that is no number is found at load', async t => {
  for (const tensor of [VECTOR, MATRIX]) {
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const { folder, file } = copyOf(t, 'segmenter')
      spoil(file, tensor, value)
      const message = new RegExp(`${tensor} holds NaN or infinity`)
      await t.rejects(Segmenter.load(folder), invalid(message), `${tensor} ${value}`)
    }
  }
  const { folder, file } = copyOf(t, 'pointer')
  const matrices = addon().listTensors(file)
  const matrix = matrices.find(({ name }) => name.endsWith('blocks.0.att_proj.weight'))!
  spoil(file, matrix.name)
  for (const dtype of ['int8', matrix.dtype === 'F32' ? 'bf16' : 'fp32'] as const) {
    await t.rejects(Pointer.load(folder, { dtype }), invalid(/att_proj\.weight holds NaN/), dtype)
  }
})

t.test('results that are no numbers are found at the first answer', async t => {
  const { folder, file } = copyOf(t, 'segmenter')
  spoil(file, 'sam_mask_decoder.conv_s0.weight', HUGE, true)
  await using segmenter = await Segmenter.load(folder, { threads: 1 })
  const message =
    /computes no numbers: a mask's logits are NaN or infinite\. All of its weights are/
  const prompt = { points: [[20, 30]] as [number, number][] }
  await t.rejects(segmenter.segment(squareFrame(10), prompt), invalid(message))
  const video = await segmenter.openVideo([squareFrame(10), squareFrame(14)])
  await t.rejects(video.addPoints(0, 1, [[20, 30]]), invalid(message))
})

t.test('a pointer that computes no numbers gives no answer', async t => {
  const { folder, file } = copyOf(t, 'pointer')
  spoil(file, 'model.transformer.ln_f.weight', HUGE, true)
  await using pointer = await Pointer.load(folder, { threads: 1, dtype: 'stored' })
  const answer = async () => {
    for await (const _ of pointer.point([squareFrame(10)], 'the red square'));
  }
  await t.rejects(answer(), invalid(/the answer's logits are NaN or infinite/))
})

/** Runs a script in a process of its own: a fault that is not caught ends it. */
function script(t: Test, kind: 'pointer' | 'segmenter', options: string) {
  const { folder, file } = copyOf(t, kind)
  const lib = new URL('../../lib/index.js', import.meta.url).href
  const image = [...squareFrame(10).data]
  const code = `
    import { truncateSync } from 'node:fs'
    const lib = await import(${JSON.stringify(lib)})
    const image = { data: Uint8Array.from(${JSON.stringify(image)}), width: ${FRAME.width}, height: ${FRAME.height} }
    const options = { threads: 2, dtype: 'stored', ${options} }
    const [segmenter, pointer] = ${JSON.stringify(kind)} === 'segmenter'
      ? [await lib.Segmenter.load(${JSON.stringify(folder)}, options)]
      : [null, await lib.Pointer.load(${JSON.stringify(folder)}, options)]
    const other = await lib.Segmenter.load(undefined, { threads: 1 })
    const prompt = { points: [[20, 30]] }
    const ask = async () => {
      if (segmenter) return segmenter.segment(image, prompt)
      for await (const _ of pointer.point([image], 'the red square'));
    }
    truncateSync(${JSON.stringify(file)}, 100 * 1024)
    for (let i = 0; i < 2; i++) await ask().then(() => console.log('answer'), error => console.log(error.code, error.message))
    await other.segment(image, prompt)
    console.log('alive')`
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', code],
    { encoding: 'utf8' },
  )
  return { status, signal, lines: stdout.trim().split('\n'), stderr }
}

t.test('weights that are cut while they are mapped make errors and take nothing else along', t => {
  for (const kind of ['pointer', 'segmenter'] as const) {
    const { status, signal, lines, stderr } = script(t, kind, '')
    t.equal(signal, null, kind)
    t.equal(status, 0, stderr)
    t.match(lines[0], /^CHECKPOINT_INVALID .*model\.safetensors was cut/)
    t.match(lines[1], /^CHECKPOINT_INVALID .*model\.safetensors was cut/)
    t.equal(lines[2], 'alive', 'another model still answers')
  }
  t.end()
})

t.test('weights that were read do not need their file any more', t => {
  t.same(script(t, 'segmenter', 'mmap: false').lines, ['answer', 'answer', 'alive'])
  t.end()
})
