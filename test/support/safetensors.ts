import { writeFileSync } from 'node:fs'

/** One entry of a safetensors header, as a test wants it to be. */
export interface HeaderEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** A safetensors file from any header and any number of data bytes, right or wrong. */
export function rawSafetensors(header: string, dataBytes: number, headerLength?: bigint): Buffer {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerLength ?? BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)])
}

/** Writes a valid file of zero-filled F32 tensors. */
export function writeSafetensors(file: string, shapes: Record<string, number[]>): void {
  const header: Record<string, HeaderEntry> = {}
  let at = 0
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1)
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] }
    at += bytes
  }
  writeFileSync(file, rawSafetensors(JSON.stringify(header), at))
}
