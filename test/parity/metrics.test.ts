import { checkSetsOf } from './check.js'

checkSetsOf('metrics', 'counting', 'jf', 'mini', 'points', 'rle', 'sampling', 'tracking')
