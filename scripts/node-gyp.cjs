#!/usr/bin/env node
// Stands in for node-gyp when prebuildify builds: the same verbs, done by cmake-js. node-gyp's own flags
// (--target, --devdir, --arch, --release) mean nothing to a Node-API addon and are ignored.
const { execFileSync } = require('node:child_process')
const path = require('node:path')

const root = path.resolve(__dirname, '..')
const cmakeJs = require.resolve('cmake-js/bin/cmake-js')
execFileSync(process.execPath, [cmakeJs, 'rebuild', '--directory', root], {
  cwd: root,
  stdio: 'inherit',
})
