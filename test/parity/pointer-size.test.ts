import { checkSets } from './check.js'

checkSets('videomolmo-real-widths-hash')
