import type { AddonTensor } from '../../../lib/engine/addon.js'
import { parityAddon } from '../addon.js'
import type { GoldenSet } from './golden.js'
import { Report } from './report.js'
import { u8 } from './tensors.js'

/** Weight matrices in bitsandbytes' FP4: codes, block maxima, the values they stand for, a product. */
export function runQuantise(set: GoldenSet): Report {
  const report = new Report(set, 'quantise')
  for (const name of Object.keys(set.inputs).filter(name => !name.includes('.'))) {
    const w = set.input(name)
    const { codes, absmax } = parityAddon().runOp('fp4_codes', { x: w }, {})
    const inputs = { w, x: set.input(`${name}.x`) }
    const { dequant, y } = parityAddon().runOp('quantised_linear', inputs, { format: 'fp4' })
    report.tensor(`${name}.packed`, packed(codes!.data as Uint8Array))
    report.tensor(`${name}.absmax`, absmax)
    report.tensor(`${name}.dequant`, dequant)
    report.tensor(`${name}.y`, y)
  }
  return report.finish()
}

/** Two codes per byte, the earlier element in the high nibble. */
function packed(codes: Uint8Array): AddonTensor {
  const bytes = new Uint8Array(Math.ceil(codes.length / 2))
  for (const [i, code] of codes.entries()) bytes[i >> 1]! |= i % 2 === 0 ? code << 4 : code
  return u8([bytes.length], bytes)
}
