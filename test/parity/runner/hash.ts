// The golden sets' generator (their README): values from a name and an index.

export function fnv1a32(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

function fmix32(value: number): number {
  let h = value
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  h ^= h >>> 16
  return h >>> 0
}

function hashes(name: string, seedXor = 0): (index: number) => number {
  const seed = fnv1a32(new TextEncoder().encode(name)) ^ seedXor
  return index => fmix32((seed + Math.imul(index, 0x9e3779b9)) >>> 0)
}

/** float32(scale * u) with u uniform in [-1, 1). */
export function hashFloats(name: string, count: number, scale: number): Float32Array {
  const hash = hashes(name)
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = ((hash(i) >>> 8) / 2 ** 23 - 1) * scale
  return values
}

/** A weight of a generated model: matrices by their fan-in, scales around 1, other vectors around 0. */
export function hashWeights(name: string, shape: readonly number[], seedXor = 0): Float32Array {
  const hash = hashes(name, seedXor)
  const count = shape.reduce((a, b) => a * b, 1)
  const fanIn = count / shape[0]!
  const around = /(weight|gamma)$/.test(name) ? 1 : 0
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const u = ((hash(i) >>> 8) / 2 ** 24) * 2 - 1
    values[i] = shape.length >= 2 ? u * Math.sqrt(3 / fanIn) : around + 0.1 * u
  }
  return values
}

/** The upper byte of every hash: an RGB picture of noise. */
export function hashNoise(name: string, width: number, height: number): Uint8Array {
  const hash = hashes(name)
  const bytes = new Uint8Array(width * height * 3)
  for (let i = 0; i < bytes.length; i++) bytes[i] = hash(i) >>> 24
  return bytes
}

/** An RGB picture of 16x16 blocks of one colour. */
export function hashBlocks(name: string, width: number, height: number): Uint8Array {
  const hash = hashes(name)
  const perRow = Math.ceil(width / 16)
  const bytes = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const block = (y >> 4) * perRow + (x >> 4)
      for (let c = 0; c < 3; c++) bytes[(y * width + x) * 3 + c] = hash(block * 3 + c) >>> 24
    }
  }
  return bytes
}

export function hashImage(kind: string, name: string, width: number, height: number): Uint8Array {
  if (kind === 'noise') return hashNoise(name, width, height)
  if (kind === 'blocks16') return hashBlocks(name, width, height)
  throw new Error(`unknown kind of generated image: ${kind}`)
}
