import type { AddonImage, AddonPointer } from '../../lib/engine/addon.js'
import { addon } from '../../lib/engine/loader.js'
import type { MolmoAttributes } from '../../lib/families/molmo-attributes.js'

/** A tiny VideoMolmo of generated weights: 84 px crops of 6 x 6 patches, 3 decoder blocks. */
export function tinyAttributes(changes: Partial<MolmoAttributes> = {}): MolmoAttributes {
  return {
    vit: {
      imageSize: 84,
      patchSize: 14,
      width: 32,
      heads: 4,
      headDim: 8,
      mlpWidth: 64,
      blocks: 4,
      normEps: 1e-5,
    },
    decoder: {
      width: 64,
      blocks: 3,
      heads: 4,
      kvHeads: 2,
      mlpWidth: 96,
      vocabSize: 320,
      extraVocabSize: 128,
      maxPositions: 4096,
      ropeTheta: 1e6,
      normEps: 1e-6,
      qkvBias: true,
      qkNorm: 'none',
      normAfter: false,
      clipQkv: null,
      tied: false,
    },
    preprocess: {
      maxCrops: 4,
      marginBefore: 2,
      marginAfter: 2,
      mean: [0.48145466, 0.4578275, 0.40821073],
      std: [0.26862954, 0.26130258, 0.27577711],
      useColTokens: true,
    },
    tokens: { start: 320, end: 321, patch: 322, col: 323, image: 324 },
    bos: 319,
    // No id ends an answer, so its length is known.
    eos: -1,
    vitLayers: [-2, -4],
    padEmbed: false,
    temporalAdapter: true,
    previousFrames: 4,
    ...changes,
  }
}

export function loadTiny(changes: Partial<MolmoAttributes> = {}): Promise<AddonPointer> {
  return addon().loadPointer({
    family: 'molmo',
    attributes: tinyAttributes(changes),
    weights: { hash: true },
    dtype: 'stored',
    threads: 2,
  })
}

/** A picture of coloured noise blocks that depends on the seed. */
export function picture(seed: number, width = 120, height = 90): AddonImage {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const block = ((y >> 4) * 31 + (x >> 4)) * 3 + c + seed * 7919
        data[(y * width + x) * 3 + c] = (Math.imul(block, 0x9e3779b1) >>> 16) & 255
      }
    }
  }
  return { data, width, height }
}

export const promptIds = Int32Array.from([12, 7, 250, 31, 99, 4, 18])
