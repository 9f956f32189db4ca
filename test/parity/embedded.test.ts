import { checkSets } from './check.js'

checkSets('../pointer-embedded', '../segmenter-embedded')
