import { printSurface, readEntries } from './surface.js'

/** Prints the public surface; `npm run --silent api > test/api/surface.txt` after a wanted change. */
process.stdout.write(printSurface(readEntries()))
