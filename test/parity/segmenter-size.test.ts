import { checkSets } from './check.js'

checkSets('sam2.1-hiera-tiny-hash')
