import { UnsupportedModelError } from '../engine/errors.js'

/** The trunks of the released SAM 2 and 2.1 checkpoints, in the keys of config.json. */
const TRUNKS = {
  tiny: {
    embed_dim_per_stage: [96, 192, 384, 768],
    num_attention_heads_per_stage: [1, 2, 4, 8],
    blocks_per_stage: [1, 2, 7, 2],
    global_attention_blocks: [5, 7, 9],
    window_size_per_stage: [8, 4, 14, 7],
    window_positional_embedding_background_size: [7, 7],
  },
  small: {
    embed_dim_per_stage: [96, 192, 384, 768],
    num_attention_heads_per_stage: [1, 2, 4, 8],
    blocks_per_stage: [1, 2, 11, 2],
    global_attention_blocks: [7, 10, 13],
    window_size_per_stage: [8, 4, 14, 7],
    window_positional_embedding_background_size: [7, 7],
  },
  base_plus: {
    embed_dim_per_stage: [112, 224, 448, 896],
    num_attention_heads_per_stage: [2, 4, 8, 16],
    blocks_per_stage: [2, 3, 16, 3],
    global_attention_blocks: [12, 16, 20],
    window_size_per_stage: [8, 4, 14, 7],
    window_positional_embedding_background_size: [14, 14],
  },
  large: {
    embed_dim_per_stage: [144, 288, 576, 1152],
    num_attention_heads_per_stage: [2, 4, 8, 16],
    blocks_per_stage: [2, 6, 36, 4],
    global_attention_blocks: [23, 33, 43],
    window_size_per_stage: [8, 4, 16, 8],
    window_positional_embedding_background_size: [7, 7],
  },
} as const

/** config.json of a released size. */
export function releasedSam2(size: keyof typeof TRUNKS): Record<string, unknown> {
  const trunk = TRUNKS[size]
  const backbone = { ...trunk, hidden_size: trunk.embed_dim_per_stage[0] }
  return { model_type: 'sam2_video', vision_config: { backbone_config: backbone } }
}

const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0)

/**
 * config.json of a released size, recognised by the width of the patch embedding and the number of blocks
 * (original tensor names).
 */
export function sam2Size(
  tensors: readonly { name: string; shape: readonly number[] }[],
  where: string,
): Record<string, unknown> {
  const patches = tensors.find(({ name }) => name === 'image_encoder.trunk.patch_embed.proj.weight')
  const width = patches?.shape[0]
  const indices = tensors.flatMap(({ name }) => {
    const block = /^image_encoder\.trunk\.blocks\.(\d+)\./.exec(name)
    return block ? [Number(block[1])] : []
  })
  const blocks = new Set(indices).size
  for (const size of Object.keys(TRUNKS) as (keyof typeof TRUNKS)[]) {
    const trunk = TRUNKS[size]
    if (trunk.embed_dim_per_stage[0] === width && total(trunk.blocks_per_stage) === blocks)
      return releasedSam2(size)
  }
  throw new UnsupportedModelError(
    `${where}: a trunk of width ${width} with ${blocks} blocks is none of the released sizes; ` +
      'put the config.json of the checkpoint beside it',
  )
}
