// Builds the addon with cmake-js in a folder of its own and copies it to where node-gyp wants it:
//   node scripts/cmake.cjs <product folder>
const { execFileSync } = require('node:child_process')
const { copyFileSync, mkdirSync } = require('node:fs')
const path = require('node:path')

const root = path.resolve(__dirname, '..')
const product = process.argv[2]
if (!product) throw new Error('usage: node scripts/cmake.cjs <product folder>')

const cmakeJs = require.resolve('cmake-js/bin/cmake-js')
const out = path.join(root, 'build', 'cmake')
execFileSync(process.execPath, [cmakeJs, 'compile', '--directory', root, '--out', out], {
  cwd: root,
  stdio: 'inherit',
})
mkdirSync(product, { recursive: true })
copyFileSync(path.join(out, 'Release', 'videomolmo.node'), path.join(product, 'videomolmo.node'))
