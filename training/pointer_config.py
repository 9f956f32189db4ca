"""The embedded pointer's config.json and preprocessor_config.json."""

from pointer_text import EMBEDDING_SIZE, IMAGE_TOKENS

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
SIDE, PATCH = 112, 8


def make_config(eos_token_id):
    grid = SIDE // PATCH
    return {
        'architectures': ['MolmoForCausalLM'], 'model_type': 'molmo', 'torch_dtype': 'bfloat16',
        'attention_layer_norm': False, 'clip_qkv': None, 'embedding_size': EMBEDDING_SIZE,
        'hidden_size': 192, 'initializer_range': 0.02, 'intermediate_size': 768,
        'layer_norm_eps': 1e-06, 'layer_norm_type': 'rms', 'max_position_embeddings': 2048,
        'norm_after': False, 'num_attention_heads': 6, 'num_hidden_layers': 4,
        'num_key_value_heads': 2, 'qkv_bias': True, 'rope_theta': 10000.0,
        'tie_word_embeddings': False, 'use_cache': True, 'use_position_ids': True,
        'vocab_size': EMBEDDING_SIZE, 'weight_tying': False, 'additional_vocab_size': 128,
        'vit_layers': [-1, -3], 'image_padding_embed': None, 'temporal_adapter': True,
        'num_prev_frames': 4,
        'vision_config': {
            'image_size': [SIDE, SIDE], 'patch_size': PATCH, 'hidden_size': 128,
            'num_attention_heads': 4, 'num_key_value_heads': 4, 'head_dim': 32,
            'num_hidden_layers': 5, 'intermediate_size': 512, 'num_positions': grid * grid + 1,
            'layer_norm_eps': 1e-05, 'hidden_act': 'quick_gelu'},
        'preprocessor': {
            'base_image_input_size': [SIDE, SIDE], 'image_patch_size': PATCH, 'image_pooling_h': 2,
            'image_pooling_w': 2, 'image_token_length_h': grid // 2,
            'image_token_length_w': grid // 2, 'max_crops': 1, 'overlap_margins': [4, 4],
            'use_col_tokens': True, 'pad_value': 0.0, 'image_mean': MEAN, 'image_std': STD,
            'special_token_ids': {t: EMBEDDING_SIZE + i for i, t in enumerate(IMAGE_TOKENS)},
            'eos_token_id': eos_token_id, 'bos_token_id': None},
    }


def preprocessor_config():
    grid = SIDE // PATCH
    return {'base_image_input_size': [SIDE, SIDE], 'do_normalize': True, 'image_mean': MEAN,
            'image_std': STD, 'image_padding_mask': True, 'image_patch_size': PATCH,
            'image_token_length_h': grid // 2, 'image_token_length_w': grid // 2, 'max_crops': 1,
            'overlap_margins': [4, 4], 'processor_class': 'MolmoProcessor'}
