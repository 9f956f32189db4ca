import { checkSets } from './check.js'

checkSets('videomolmo-tiny', 'videomolmo-tiny-odd', 'molmo-tiny', 'molmo-tiny-olmo', 'preprocess')
