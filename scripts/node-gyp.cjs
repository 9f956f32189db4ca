#!/usr/bin/env node
// Stands in for node-gyp when prebuildify builds: node-gyp's own flags (--target, --devdir, --arch, --release)
// mean nothing to a Node-API addon and are ignored. CMake rebuilds what has changed.
const { execFileSync } = require('node:child_process')
const path = require('node:path')

execFileSync(process.execPath, [path.join(__dirname, 'build-native.mjs')], { stdio: 'inherit' })
