import { checkSets } from './check.js'

checkSets(
  'videomolmo-tiny',
  'videomolmo-tiny-fp4',
  'videomolmo-tiny-odd',
  'bnb-fp4',
  'molmo-tiny',
  'molmo-tiny-olmo',
  'preprocess',
)
