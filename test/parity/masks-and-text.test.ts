import { checkSets } from './check.js'

checkSets('fusion', 'text')
