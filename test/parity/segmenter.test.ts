import { checkSets } from './check.js'

checkSets('sam2-tiny-image', 'sam2-tiny-video', 'sam2-tiny-video-20', 'sam2-tiny-containers')
