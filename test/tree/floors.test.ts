import t from 'tap'
import { deviceNames, floors, includesOf, upwardIncludes } from './floors.js'
import { deviceNamers, knownIncludes } from './known.js'
import { circles, type Graph, sourcesUnder } from './walk.js'

const sources = [
  ...sourcesUnder('native', /\.(cc|h|cu|cuh|inc)$/),
  ...sourcesUnder('include', /\.h$/),
]

t.test('every folder of native/ has its floor', t => {
  const folders = new Set(sources.map(({ file }) => file.split('/')[1] as string))
  const placed = new Set([...floors.flat(), 'binding', 'parity', 'videomolmo'])
  t.same(
    [...folders].filter(folder => !placed.has(folder)),
    [],
  )
  t.end()
})

t.test('includes point downwards', t => {
  const found = sources.flatMap(upwardIncludes)
  t.same(
    found.filter(pair => !knownIncludes.includes(pair)),
    [],
    'no new one points upwards',
  )
  t.same(
    knownIncludes.filter(pair => !found.includes(pair)),
    [],
    'no known one is gone',
  )
  t.end()
})

t.test('a planted include that points upwards is seen', t => {
  const planted = (file: string, header: string) =>
    upwardIncludes({ file, text: `#pragma once\n\n#  include "${header}"\n` })
  t.same(planted('native/kernels/cuda/conv.h', 'native/ops/conv.h'), [
    'native/kernels/cuda/conv.h -> native/ops/conv.h',
  ])
  t.equal(planted('native/vit/vit.h', 'native/molmo/config.h').length, 1, 'a family from a part')
  t.equal(planted('native/vit/vit.h', 'native/sam2/config.h').length, 1, 'a floor beside')
  t.equal(planted('include/videomolmo/call.h', 'native/base/cancel.h').length, 1, 'public')
  t.equal(planted('native/binding/masks.cc', 'native/ops/mask.h').length, 1, 'the binding')
  t.equal(planted('native/new/new.h', 'native/ops/mask.h').length, 1, 'a folder without a floor')
  t.equal(planted('native/ops/mask.h', 'test/native/harness.h').length, 1, 'a test')
  t.same(planted('native/vit/vit.h', 'native/layers/linear.h'), [])
  t.same(planted('native/binding/masks.cc', 'videomolmo/tensor.h'), [])
  t.same(planted('native/parity/stages.cc', 'native/sam2/model.h'), [])
  t.end()
})

t.test('no header includes itself over others', t => {
  const publicName = (header: string) =>
    header.startsWith('videomolmo/') ? `include/${header}` : header
  const graph: Graph = new Map(
    sources.map(source => [source.file, new Set(includesOf(source).map(publicName))]),
  )
  t.same(circles(graph), [])
  t.end()
})

t.test('devices are named by base, kernels and ops alone', t => {
  const found = sources.filter(({ file }) => !deviceNamers.has(file)).flatMap(deviceNames)
  t.same(found, [])
  const named = (text: string) => deviceNames({ file: 'native/llm/greedy.cc', text })
  t.same(named('if (context.on_cuda()) return;'), ['native/llm/greedy.cc: on_cuda'])
  t.same(named('cuda::add(stream);'), ['native/llm/greedy.cc: cuda::'])
  t.same(named('kind == Device::Kind::kCpu'), ['native/llm/greedy.cc: Kind::kCpu'])
  t.same(named('// on_cuda() is gone\n/* cuda:: */ context.keeps_graphs();'), [])
  t.end()
})
