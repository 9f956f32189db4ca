"""SAM 2.1 in PyTorch, with the tensor names of the original checkpoints.

Written from the published description of the model. Everything the release fixes is fixed here;
the widths come from a `config.json` in the Hugging Face `sam2_video` form. Runs with torch 1.13
and 2.x on CPU or CUDA. Shapes: S = image_size, g = S/16, C = d_model, M = memory channels.
"""

import json
import math
import os
import struct

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)
NO_OBJECT_LOGIT = -1024.0


def attention(q, k, v):
    """softmax(q k^T / sqrt(d)) v over the last two axes."""
    if hasattr(F, 'scaled_dot_product_attention'):
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])
    return torch.softmax(scores.float(), dim=-1).to(v.dtype) @ v


class LayerNorm2d(nn.Module):
    """Layer norm over the channel axis of NCHW."""

    def __init__(self, channels, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x):
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Linear layers with an activation between them."""

    def __init__(self, widths, act=F.relu):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.act = act

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.act(layer(x))
        return self.layers[-1](x)


def max_pool_nhwc(x):
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def split_windows(x, window):
    """[B,H,W,C] -> ([B*n, window, window, C], padded size); zeros pad the bottom and right."""
    b, h, w, c = x.shape
    hp, wp = -(-h // window) * window, -(-w // window) * window
    if (hp, wp) != (h, w):
        x = F.pad(x, (0, 0, 0, wp - w, 0, hp - h))
    x = x.reshape(b, hp // window, window, wp // window, window, c)
    return x.transpose(2, 3).reshape(-1, window, window, c), (hp, wp)


def join_windows(x, window, padded, size):
    hp, wp = padded
    h, w = size
    c = x.shape[-1]
    x = x.reshape(-1, hp // window, wp // window, window, window, c).transpose(2, 3)
    return x.reshape(-1, hp, wp, c)[:, :h, :w]


class WindowAttention(nn.Module):
    def __init__(self, dim, dim_out, heads, q_pool):
        super().__init__()
        self.heads, self.q_pool = heads, q_pool
        self.qkv = nn.Linear(dim, 3 * dim_out)
        self.proj = nn.Linear(dim_out, dim_out)

    def forward(self, x):
        b, h, w, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, h, w, 3, -1).unbind(3)
        if self.q_pool:
            q = max_pool_nhwc(q)
        size = q.shape[1:3]
        q, k, v = (t.reshape(b, t.shape[1] * t.shape[2], self.heads, -1).transpose(1, 2)
                   for t in (q, k, v))
        return self.proj(attention(q, k, v).transpose(1, 2).reshape(b, *size, -1))


class Block(nn.Module):
    def __init__(self, dim, dim_out, heads, window, q_pool, mlp_ratio):
        super().__init__()
        self.window, self.q_pool = window, q_pool
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = WindowAttention(dim, dim_out, heads, q_pool)
        self.norm2 = nn.LayerNorm(dim_out, eps=1e-6)
        self.mlp = Mlp([dim_out, int(dim_out * mlp_ratio), dim_out], F.gelu)
        if dim != dim_out:
            self.proj = nn.Linear(dim, dim_out)

    def forward(self, x):
        n = self.norm1(x)
        shortcut = x
        if hasattr(self, 'proj'):
            shortcut = self.proj(n)
            if self.q_pool:
                shortcut = max_pool_nhwc(shortcut)
        size, window = shortcut.shape[1:3], self.window
        if window > 0:
            n, _ = split_windows(n, window)
        n = self.attn(n)
        if window > 0:
            out = window // 2 if self.q_pool else window
            padded = tuple(-(-s // out) * out for s in size)
            n = join_windows(n, out, padded, size)
        x = shortcut + n
        return x + self.mlp(self.norm2(x))


class Trunk(nn.Module):
    """Hiera: NHWC maps after each of the four stages."""

    def __init__(self, cfg):
        super().__init__()
        dims, heads = cfg['embed_dim_per_stage'], cfg['num_attention_heads_per_stage']
        windows, depths = cfg['window_size_per_stage'], cfg['blocks_per_stage']
        back = cfg['window_positional_embedding_background_size']
        self.pos_embed = nn.Parameter(torch.zeros(1, dims[0], *back))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, dims[0], windows[0], windows[0]))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, dims[0], 7, stride=4, padding=3)
        blocks, self.stage_ends = [], []
        for stage, depth in enumerate(depths):
            for j in range(depth):
                first = stage > 0 and j == 0
                window = windows[stage - 1] if first else windows[stage]
                if len(blocks) in cfg['global_attention_blocks']:
                    window = 0
                blocks.append(Block(dims[stage - 1] if first else dims[stage], dims[stage],
                                    heads[stage], window, first, cfg['mlp_ratio']))
            self.stage_ends.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)

    def position(self, h, w):
        pos = F.interpolate(self.pos_embed, size=(h, w), mode='bicubic', align_corners=False)
        win = self.pos_embed_window
        pos = pos + win.tile(1, 1, h // win.shape[2], w // win.shape[3])
        return pos.permute(0, 2, 3, 1)

    def forward(self, image):
        x = self.patch_embed.proj(image).permute(0, 2, 3, 1)
        x = x + self.position(x.shape[1], x.shape[2])
        outputs = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.stage_ends:
                outputs.append(x)
        return outputs


class Neck(nn.Module):
    def __init__(self, dims, channels):
        super().__init__()
        self.convs = nn.ModuleList()
        for dim in reversed(dims):
            level = nn.Module()
            level.conv = nn.Conv2d(dim, channels, 1)
            self.convs.append(level)

    def level(self, k, x):
        """1x1 convolution number k on an NHWC map; NHWC out."""
        conv = self.convs[k].conv
        return F.linear(x, conv.weight.flatten(1), conv.bias)

    def forward(self, stages):
        """Four NHWC maps -> F0, F1, F2, F3 (NHWC, finest first)."""
        f3 = self.level(0, stages[3])
        up = f3.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        return self.level(3, stages[0]), self.level(2, stages[1]), self.level(1, stages[2]) + up, f3


def sine_map(channels, h, w):
    """Sine position code [channels, h, w]: first half rows, second half columns."""
    n = channels // 2
    divisor = 10000.0 ** (2 * torch.div(torch.arange(n), 2, rounding_mode='floor').double() / n)

    def axis(size):
        a = torch.arange(1, size + 1).double() / (size + 1e-6) * 2 * math.pi
        a = a[:, None] / divisor
        return torch.where(torch.arange(n) % 2 == 0, a.sin(), a.cos()).float()

    rows = axis(h)[:, None].expand(h, w, n)
    cols = axis(w)[None].expand(h, w, n)
    return torch.cat([rows, cols], dim=-1).permute(2, 0, 1).contiguous()


def sine_1d(position, channels):
    """position [...] -> [..., channels], sines first."""
    n = channels // 2
    half = torch.div(torch.arange(n, device=position.device), 2, rounding_mode='floor')
    a = position.float()[..., None] / 10000.0 ** (2 * half.float() / n)
    return torch.cat([a.sin(), a.cos()], dim=-1)


class PromptEncoder(nn.Module):
    def __init__(self, c, size, mask_channels):
        super().__init__()
        self.size, self.grid = size, size // 16
        self.pe_layer = nn.Module()
        self.pe_layer.register_buffer('positional_encoding_gaussian_matrix',
                                      torch.randn(2, c // 2))
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, c) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, c)
        self.no_mask_embed = nn.Embedding(1, c)
        q = mask_channels // 4
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, q, 2, stride=2), LayerNorm2d(q), nn.GELU(),
            nn.Conv2d(q, mask_channels, 2, stride=2), LayerNorm2d(mask_channels), nn.GELU(),
            nn.Conv2d(mask_channels, c, 1))

    def code(self, fractions):
        """(x, y) fractions of the picture [..., 2] -> [..., C]."""
        z = (2 * fractions.float() - 1) @ self.pe_layer.positional_encoding_gaussian_matrix.float()
        z = 2 * math.pi * z
        return torch.cat([z.sin(), z.cos()], dim=-1)

    def dense_code(self):
        """Codes of the stride-16 grid [g*g, C]."""
        device = self.no_mask_embed.weight.device
        t = (torch.arange(self.grid, device=device).float() + 0.5) / self.grid
        y, x = torch.meshgrid(t, t, indexing='ij')
        return self.code(torch.stack([x, y], dim=-1)).flatten(0, 1)

    def points(self, coords, labels):
        """coords [B,P,2] in model pixels, labels [B,P] -> [B,P+1,C] with the padding token."""
        coords = torch.cat([coords + 0.5, coords.new_zeros(coords.shape[0], 1, 2)], dim=1)
        labels = torch.cat([labels, -labels.new_ones(labels.shape[0], 1)], dim=1)[..., None]
        code = self.code(coords / self.size)
        out = torch.where(labels == -1, self.not_a_point_embed.weight[0], code)
        for k in range(4):
            out = out + (labels == k) * self.point_embeddings[k].weight[0]
        return out

    def mask(self, logits):
        return self.mask_downscaling(logits)


class Attention(nn.Module):
    def __init__(self, width, inner, heads, kv_width=None):
        super().__init__()
        self.heads = heads
        kv = kv_width or width
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(kv, inner)
        self.v_proj = nn.Linear(kv, inner)
        self.out_proj = nn.Linear(inner, width)

    def split(self, x):
        b, n, c = x.shape
        return x.reshape(b, n, self.heads, c // self.heads).transpose(1, 2)

    def forward(self, q, k, v):
        q, k, v = self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(self.v_proj(v))
        return self.out_proj(attention(q, k, v).transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    def __init__(self, c, heads, hidden, rate, first):
        super().__init__()
        self.first = first
        self.self_attn = Attention(c, c, heads)
        self.norm1 = nn.LayerNorm(c)
        self.cross_attn_token_to_image = Attention(c, c // rate, heads)
        self.norm2 = nn.LayerNorm(c)
        self.mlp = Mlp([c, hidden, c])
        self.norm3 = nn.LayerNorm(c)
        self.norm4 = nn.LayerNorm(c)
        self.cross_attn_image_to_token = Attention(c, c // rate, heads)

    def forward(self, q, k, tokens, code):
        if self.first:
            q = self.norm1(self.self_attn(q, q, q))
        else:
            qt = q + tokens
            q = self.norm1(q + self.self_attn(qt, qt, q))
        kp = k + code
        q = self.norm2(q + self.cross_attn_token_to_image(q + tokens, kp, k))
        q = self.norm3(q + self.mlp(q))
        k = self.norm4(k + self.cross_attn_image_to_token(kp, q + tokens, q))
        return q, k


class TwoWayTransformer(nn.Module):
    def __init__(self, c, heads, hidden, rate, depth):
        super().__init__()
        self.layers = nn.ModuleList(TwoWayLayer(c, heads, hidden, rate, i == 0)
                                    for i in range(depth))
        self.final_attn_token_to_image = Attention(c, c // rate, heads)
        self.norm_final_attn = nn.LayerNorm(c)

    def forward(self, tokens, k, code):
        q = tokens
        for layer in self.layers:
            q, k = layer(q, k, tokens, code)
        q = self.norm_final_attn(q + self.final_attn_token_to_image(q + tokens, k + code, k))
        return q, k


def double_up(x, conv):
    """2x2 stride-2 transposed convolution of an NHWC map as one matrix product."""
    b, h, w, _ = x.shape
    cin, cout = conv.weight.shape[:2]
    y = x @ conv.weight.permute(0, 2, 3, 1).reshape(cin, 4 * cout)
    y = y.reshape(b, h, w, 2, 2, cout).transpose(2, 3).reshape(b, 2 * h, 2 * w, cout)
    return y + conv.bias


class MaskDecoder(nn.Module):
    def __init__(self, c, cfg):
        super().__init__()
        self.transformer = TwoWayTransformer(c, cfg['num_attention_heads'], cfg['mlp_dim'],
                                             cfg['attention_downsample_rate'],
                                             cfg['num_hidden_layers'])
        count = cfg['num_multimask_outputs'] + 1
        self.iou_token = nn.Embedding(1, c)
        self.mask_tokens = nn.Embedding(count, c)
        self.obj_score_token = nn.Embedding(1, c)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(c, c // 4, 2, stride=2), LayerNorm2d(c // 4), nn.GELU(),
            nn.ConvTranspose2d(c // 4, c // 8, 2, stride=2), nn.GELU())
        self.conv_s0 = nn.Conv2d(c, c // 8, 1)
        self.conv_s1 = nn.Conv2d(c, c // 4, 1)
        self.output_hypernetworks_mlps = nn.ModuleList(Mlp([c, c, c, c // 8])
                                                       for _ in range(count))
        hidden = cfg['iou_head_hidden_dim']
        self.iou_prediction_head = Mlp([c, hidden, hidden, count])
        self.pred_obj_score_head = Mlp([c, c, c, 1])
        self.stability = (cfg['dynamic_multimask_stability_delta'],
                          cfg['dynamic_multimask_stability_thresh'])

    def skip(self, conv, x):
        return F.linear(x, conv.weight.flatten(1), conv.bias)

    def forward(self, features, code, sparse, dense, s0, s1):
        """features, dense [B,g*g,C], code [g*g,C], sparse [B,n,C], s0/s1 NHWC [B,..].

        Returns masks [B,4,4g,4g], ious [B,4], mask tokens [B,4,C], object score [B,1]."""
        own = torch.cat([self.obj_score_token.weight, self.iou_token.weight,
                         self.mask_tokens.weight])
        b = sparse.shape[0]
        tokens = torch.cat([own[None].expand(b, -1, -1), sparse.to(own.dtype)], dim=1)
        q, k = self.transformer(tokens, features + dense, code)
        g = int(math.sqrt(k.shape[1]))
        up = self.output_upscaling
        x = double_up(k.reshape(b, g, g, -1), up[0]) + s1
        x = F.gelu(F.layer_norm(x, x.shape[-1:], up[1].weight, up[1].bias, up[1].eps))
        x = F.gelu(double_up(x, up[3]) + s0)
        out = q[:, 2:2 + self.mask_tokens.weight.shape[0]]
        hyper = torch.stack([m(out[:, i]) for i, m in enumerate(self.output_hypernetworks_mlps)], 1)
        masks = (hyper @ x.flatten(1, 2).transpose(1, 2)).reshape(b, -1, 4 * g, 4 * g)
        ious = torch.sigmoid(self.iou_prediction_head(q[:, 1]).float())
        return masks.float(), ious, out, self.pred_obj_score_head(q[:, 0]).float()

    def stability_score(self, mask):
        """mask [B,h,w] -> the share of pixels that survive a shift of the threshold."""
        delta = self.stability[0]
        inner = (mask > delta).flatten(1).sum(1).float()
        outer = (mask > -delta).flatten(1).sum(1).float()
        return torch.where(outer > 0, inner / outer.clamp(min=1), torch.ones_like(outer))

    def select(self, masks, ious, tokens, multimask):
        """The winning mask [B,1,h,w], its IoU [B,1] and the token handed on [B,C]."""
        rows = torch.arange(masks.shape[0], device=masks.device)
        best = ious[:, 1:].argmax(dim=1) + 1
        if multimask:
            return masks[rows, best][:, None], ious[rows, best][:, None], tokens[rows, best]
        stable = self.stability_score(masks[:, 0]) >= self.stability[1]
        pick = torch.where(stable, torch.zeros_like(best), best)
        return masks[rows, pick][:, None], ious[rows, pick][:, None], tokens[:, 0]


class Fuser(nn.Module):
    def __init__(self, c, hidden, kernel, padding):
        super().__init__()
        self.dwconv = nn.Conv2d(c, c, kernel, padding=padding, groups=c)
        self.norm = LayerNorm2d(c)
        self.pwconv1 = nn.Linear(c, hidden)
        self.pwconv2 = nn.Linear(hidden, c)
        self.gamma = nn.Parameter(torch.full((c,), 0.1))

    def forward(self, x):
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class MemoryEncoder(nn.Module):
    def __init__(self, c, cfg):
        super().__init__()
        layers, channels = [], 1
        for _ in range(int(math.log2(cfg['mask_downsampler_total_stride']))):
            layers += [nn.Conv2d(channels, channels * 4, 3, stride=2, padding=1),
                       LayerNorm2d(channels * 4), nn.GELU()]
            channels *= 4
        layers.append(nn.Conv2d(channels, c, 1))
        self.mask_downsampler = nn.Module()
        self.mask_downsampler.encoder = nn.Sequential(*layers)
        self.pix_feat_proj = nn.Conv2d(c, c, 1)
        self.fuser = nn.Module()
        self.fuser.layers = nn.ModuleList(
            Fuser(c, cfg['memory_fuser_intermediate_dim'], cfg['memory_fuser_kernel_size'],
                  cfg['memory_fuser_padding']) for _ in range(cfg['memory_fuser_num_layers']))
        self.out_proj = nn.Conv2d(c, cfg['memory_encoder_output_channels'], 1)

    def forward(self, features, mask_input):
        """features [B,C,g,g], mask_input [B,1,S,S] (already scaled) -> [B,M,g,g]."""
        y = self.pix_feat_proj(features) + self.mask_downsampler.encoder(mask_input)
        for layer in self.fuser.layers:
            y = layer(y)
        return self.out_proj(y)


def rope_table(grid, dim, theta=10000.0):
    """cos, sin [grid*grid, dim/2]: the first half of the pairs turns with the column."""
    quarter = dim // 4
    freq = theta ** (-4.0 * torch.arange(quarter).double() / dim)
    t = torch.arange(grid * grid)
    col = (t % grid).double()[:, None] * freq
    row = torch.div(t, grid, rounding_mode='floor').double()[:, None] * freq
    angle = torch.cat([col, row], dim=1)
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """x [B,n,D], tables [n,D/2]: adjacent pairs are rotated, in fp32."""
    b, n, d = x.shape
    pairs = x.float().reshape(b, n, d // 2, 2)
    re, im = pairs.unbind(-1)
    return torch.stack([re * cos - im * sin, re * sin + im * cos], dim=-1).reshape(b, n, d).to(x.dtype)


class MemoryAttentionLayer(nn.Module):
    def __init__(self, c, m, hidden):
        super().__init__()
        self.self_attn = Attention(c, c, 1)
        self.cross_attn_image = Attention(c, c, 1, kv_width=m)
        self.linear1 = nn.Linear(c, hidden)
        self.linear2 = nn.Linear(hidden, c)
        self.norm1 = nn.LayerNorm(c)
        self.norm2 = nn.LayerNorm(c)
        self.norm3 = nn.LayerNorm(c)

    def self_step(self, x, rope):
        a, s = self.norm1(x), self.self_attn
        q, k = rotate(s.q_proj(a), *rope), rotate(s.k_proj(a), *rope)
        return x + s.out_proj(attention(q[:, None], k[:, None], s.v_proj(a)[:, None])[:, 0])

    def cross_step(self, x, memory, position, pointers, rope):
        a, s = self.norm2(x), self.cross_attn_image
        q, k, v = rotate(s.q_proj(a), *rope), s.k_proj(memory + position), s.v_proj(memory)
        spatial = k.shape[1] - pointers
        frames = spatial // rope[0].shape[0]
        tables = [t.repeat(frames, 1) for t in rope]
        k = torch.cat([rotate(k[:, :spatial], *tables), k[:, spatial:]], dim=1)
        x = x + s.out_proj(attention(q[:, None], k[:, None], v[:, None])[:, 0])
        return x + self.linear2(F.relu(self.linear1(self.norm3(x))))


class MemoryAttention(nn.Module):
    def __init__(self, c, m, cfg):
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(c, m, cfg['memory_attention_feed_forward_hidden_size'])
            for _ in range(cfg['memory_attention_num_layers']))
        self.norm = nn.LayerNorm(c)

    def forward(self, x, owner, memory, position, pointers, rope):
        """x [frames,g*g,C] (position added), owner [B]: the row of x that each object looks at.

        memory, position [B,n,M]; the last `pointers` tokens are not rotated. The first self
        attention depends on the frame alone, so it runs once per frame."""
        for i, layer in enumerate(self.layers):
            x = layer.self_step(x, rope)
            if i == 0:
                x = x[owner]
            x = layer.cross_step(x, memory, position, pointers, rope)
        return self.norm(x)


class Segmenter(nn.Module):
    """The whole model; `config` is the parsed config.json."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        backbone = config['vision_config']['backbone_config']
        c = config['vision_config']['fpn_hidden_size']
        m = config['memory_encoder_output_channels']
        self.size, self.grid, self.c, self.m = config['image_size'], config['image_size'] // 16, c, m
        self.slots = config['num_maskmem']
        self.max_pointers = config['max_object_pointers_in_encoder']
        self.image_encoder = nn.Module()
        self.image_encoder.trunk = Trunk(backbone)
        self.image_encoder.neck = Neck(backbone['embed_dim_per_stage'], c)
        self.mask_downsample = nn.Conv2d(1, 1, 4, stride=4)
        self.memory_attention = MemoryAttention(c, m, config)
        self.memory_encoder = MemoryEncoder(c, config)
        self.sam_prompt_encoder = PromptEncoder(
            c, self.size, config['prompt_encoder_config']['mask_input_channels'])
        self.sam_mask_decoder = MaskDecoder(c, config['mask_decoder_config'])
        self.obj_ptr_proj = Mlp([c, c, c, c])
        self.obj_ptr_tpos_proj = nn.Linear(c, m)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(self.slots, 1, 1, m))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, c))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, c))
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, c))
        self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, m))
        tables = {'frame_sine': sine_map(c, self.grid, self.grid).flatten(1).t().contiguous(),
                  'memory_sine': sine_map(m, self.grid, self.grid).flatten(1).t().contiguous()}
        tables['rope_cos'], tables['rope_sin'] = rope_table(
            self.grid, c, config['memory_attention_rope_theta'])
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)
        self.init_weights()

    def init_weights(self):
        for name, p in self.named_parameters():
            if p.dim() == 2 and 'norm' not in name and 'gamma' not in name:
                nn.init.trunc_normal_(p, std=math.sqrt(1.0 / p.shape[1]), a=-1, b=1)
        for mod in self.modules():
            if isinstance(mod, nn.Linear):
                nn.init.zeros_(mod.bias)
            if isinstance(mod, nn.Embedding):
                nn.init.normal_(mod.weight, std=0.2)
        for level in self.image_encoder.neck.convs:
            level.conv.weight.data.mul_(0.5)
        # Equal query and key projections: attention starts out near the click, not everywhere.
        decoder = self.sam_mask_decoder.transformer
        crosses = [a for layer in decoder.layers
                   for a in (layer.cross_attn_token_to_image, layer.cross_attn_image_to_token)]
        for cross in crosses + [decoder.final_attn_token_to_image]:
            cross.q_proj.weight.data.mul_(1.7)
            cross.k_proj.weight.data.copy_(cross.q_proj.weight.data)
        # Equal biases under the rotation: tracking starts out looking at the same place.
        for layer in self.memory_attention.layers:
            nn.init.constant_(layer.cross_attn_image.q_proj.bias, 0.7)
            nn.init.constant_(layer.cross_attn_image.k_proj.bias, 0.7)
        trunk = self.image_encoder.trunk
        for p in (trunk.pos_embed, trunk.pos_embed_window, self.maskmem_tpos_enc,
                  self.no_mem_embed, self.no_obj_ptr, self.no_obj_embed_spatial):
            nn.init.trunc_normal_(p, std=0.1)

    @property
    def rope(self):
        return self.rope_cos, self.rope_sin

    def encode(self, images):
        """Normalised pictures [n,3,S,S] -> {'f2': [n,g*g,C], 's0', 's1': NHWC}."""
        f0, f1, f2, _ = self.image_encoder.neck(self.image_encoder.trunk(images))
        d = self.sam_mask_decoder
        return {'f2': f2.flatten(1, 2), 's0': d.skip(d.conv_s0, f0), 's1': d.skip(d.conv_s1, f1)}

    def heads(self, frame, owner, features, coords=None, labels=None, mask_prompt=None,
              multimask=True):
        """Tracker heads on conditioned features [B,g*g,C].

        frame: the result of `encode`; owner [B] names each object's row in it. Returns a dict:
        all_masks [B,4,..], all_ious, score [B,1], present [B,1], low [B,1,4g,4g] (gated), iou,
        raw (ungated winner), pointer [B,C]."""
        pe, b = self.sam_prompt_encoder, features.shape[0]
        if coords is None:
            coords = features.new_zeros(b, 1, 2, dtype=torch.float32)
            labels = -torch.ones(b, 1, dtype=torch.long, device=features.device)
        sparse = pe.points(coords, labels)
        if mask_prompt is None:
            dense = pe.no_mask_embed.weight[None]
        else:
            if mask_prompt.shape[-1] != 4 * self.grid:
                mask_prompt = F.interpolate(mask_prompt, size=(4 * self.grid,) * 2, mode='bilinear',
                                            align_corners=False, antialias=True)
            dense = pe.mask(mask_prompt).flatten(2).transpose(1, 2)
        masks, ious, tokens, score = self.sam_mask_decoder(
            features, pe.dense_code(), sparse, dense, frame['s0'][owner], frame['s1'][owner])
        raw, iou, token = self.sam_mask_decoder.select(masks, ious, tokens, multimask)
        present = score > 0
        low = torch.where(present[..., None, None], raw, torch.full_like(raw, NO_OBJECT_LOGIT))
        pointer = self.obj_ptr_proj(token)
        pointer = torch.where(present, pointer.float(), self.no_obj_ptr)
        return {'all_masks': masks, 'all_ious': ious, 'score': score, 'present': present,
                'raw': raw, 'low': low, 'iou': iou, 'pointer': pointer}

    def initial_features(self, frame, owner):
        return frame['f2'][owner] + self.no_mem_embed

    def mask_as_output(self, frame, owner, mask):
        """A user's 0/1 mask [B,1,S,S] taken as the result on a frame."""
        high = 20.0 * mask - 10.0
        low = F.interpolate(high, size=(self.size // 4,) * 2, mode='bilinear', align_corners=False,
                            antialias=True)
        inner = self.heads(frame, owner, frame['f2'][owner], mask_prompt=self.mask_downsample(mask),
                           multimask=False)
        present = (mask.flatten(1) > 0).any(1, keepdim=True)
        pointer = torch.where(present, inner['pointer'], self.no_obj_ptr)
        return {'low': low, 'score': torch.where(present, 10.0, -10.0), 'present': present,
                'iou': torch.ones_like(inner['iou']), 'pointer': pointer, 'inner': inner}

    def upscale(self, low):
        return F.interpolate(low, size=(self.size, self.size), mode='bilinear', align_corners=False)

    def encode_memory(self, frame, owner, logits, score, binarize, round_bf16=True):
        """Memory tokens [B,g*g,M] of mask logits [B,1,S,S]."""
        x = (logits > 0).float() if binarize else torch.sigmoid(logits)
        x = (x * self.config['sigmoid_scale_for_mem_enc']
             + self.config['sigmoid_bias_for_mem_enc'])
        g = self.grid
        features = frame['f2'][owner].transpose(1, 2).reshape(-1, self.c, g, g)
        out = self.memory_encoder(features, x).float()
        out = out + (score <= 0)[..., None, None] * self.no_obj_embed_spatial[..., None, None]
        out = out.flatten(2).transpose(1, 2)
        return round_to_bf16(out) if round_bf16 else out

    def attend(self, frame, owner, memories, pointers, pointer_span):
        """Condition the frame on the memory bank.

        memories: list of (tokens [B,g*g,M], temporal index 0..6); pointers: list of
        ([B,C], distance in frames); pointer_span = min(frames of the video, 16) - 1."""
        memory = [t for t, _ in memories]
        position = [(self.memory_sine + self.maskmem_tpos_enc[i, 0])[None].expand_as(t)
                    for t, i in memories]
        chunks = self.c // self.m
        if pointers:
            stack = torch.stack([p for p, _ in pointers], dim=1)
            memory.append(stack.reshape(stack.shape[0], -1, self.m))
            distance = torch.tensor([float(d) for _, d in pointers], device=stack.device)
            code = self.obj_ptr_tpos_proj(sine_1d(distance / max(pointer_span, 1), self.c))
            code = code.repeat_interleave(chunks, dim=0)[None]
            position.append(code.expand(stack.shape[0], -1, -1))
        x = frame['f2'] + 0.1 * self.frame_sine
        return self.memory_attention(x, owner, torch.cat(memory, 1).float(),
                                     torch.cat([p.float() for p in position], 1),
                                     chunks * len(pointers), self.rope)


class _RoundBf16(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.to(torch.bfloat16).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad


def round_to_bf16(x):
    """Nearest-even bfloat16 values with a straight-through gradient."""
    return _RoundBf16.apply(x)


class Track:
    """One propagation of a batch of objects prompted together on one frame.

    Follows the memory rules of the video predictor: the prompted frame is the only conditioning
    frame, the six previous frames and up to 16 pointers are remembered."""

    def __init__(self, model, frame_count):
        self.model = model
        self.pointers_used = min(frame_count, model.max_pointers)
        self.cond, self.noncond = None, {}

    def start(self, step, frame, owner, result, binarize=True):
        m = self.model
        memory = m.encode_memory(frame, owner, m.upscale(result['low']), result['score'], binarize)
        self.cond = (step, memory, result['pointer'])

    def advance(self, step, frame, owner):
        """Track to frame number `step` counted from the prompted one in the chosen direction."""
        m = self.model
        t0, memory, pointer = self.cond
        memories, pointers = [(memory, m.slots - 1)], [(pointer, step - t0)]
        for rel in range(m.slots - 1, 0, -1):
            if step - rel in self.noncond:
                memories.append((self.noncond[step - rel][0], rel - 1))
        for delta in range(1, self.pointers_used):
            if step - delta in self.noncond:
                pointers.append((self.noncond[step - delta][1], delta))
        features = m.attend(frame, owner, memories, pointers, self.pointers_used - 1)
        result = m.heads(frame, owner, features, multimask=True)
        memory = m.encode_memory(frame, owner, m.upscale(result['low']), result['score'], False)
        self.noncond[step] = (memory, result['pointer'])
        return result


# ---- preprocessing --------------------------------------------------------------------------


def preprocess(frames, size, bicubic=False):
    """uint8 [T,H,W,3] -> normalised [T,3,S,S]; `bicubic` imitates the video loader (8 bits)."""
    x = torch.as_tensor(frames).permute(0, 3, 1, 2).float()
    if tuple(x.shape[2:]) != (size, size):
        x = F.interpolate(x, size=(size, size), mode='bicubic' if bicubic else 'bilinear',
                          align_corners=False, antialias=True)
        if bicubic:
            x = x.round().clamp(0, 255)
    return normalise(x)


def resize_matrix(n_in, n_out):
    """Fixed-point weights [n_out, n_in] of the Pillow bicubic filter (22 fractional bits)."""
    scale = n_in / n_out
    reach = max(scale, 1.0)
    weights = np.zeros((n_out, n_in))
    for i in range(n_out):
        c = scale * (i + 0.5)
        k = np.arange(max(int(c - 2 * reach + 0.5), 0), min(int(c + 2 * reach + 0.5), n_in))
        t = np.abs((k - c + 0.5) / reach)
        near = (1.5 * t - 2.5) * t * t + 1
        far = -0.5 * (((t - 5) * t + 8) * t - 4)
        w = np.where(t < 1, near, np.where(t < 2, far, 0))
        weights[i, k] = w / w.sum()
    return np.trunc(weights * 2 ** 22 + np.copysign(0.5, weights))


def resize_bicubic(frames, size):
    """uint8 [T,H,W,3] -> uint8 [T,S,S,3], equal to Pillow's BICUBIC bit for bit."""
    x = np.asarray(frames).astype(np.float64)
    for axis in (2, 1):
        if x.shape[axis] == size:
            continue
        y = np.moveaxis(x, axis, -1) @ resize_matrix(x.shape[axis], size).T
        x = np.moveaxis(np.clip(np.floor((y + 2 ** 21) / 2 ** 22), 0, 255), -1, axis)
    return x.astype(np.uint8)


def video_frames(frames, size):
    """uint8 [T,H,W,3] -> normalised [T,3,S,S] exactly as the library prepares video frames."""
    x = torch.from_numpy(np.ascontiguousarray(resize_bicubic(frames, size)))
    return normalise(x.permute(0, 3, 1, 2).float())


def normalise(x):
    """Values 0..255 [T,3,S,S] -> ImageNet-normalised."""
    mean = torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1).to(x)
    std = torch.tensor(PIXEL_STD).view(1, 3, 1, 1).to(x)
    return (x / 255 - mean) / std


# ---- safetensors ----------------------------------------------------------------------------

_DTYPES = {'F32': np.float32, 'I32': np.int32, 'I64': np.int64, 'U8': np.uint8, 'BOOL': np.bool_}
_NAMES = {np.dtype(v): k for k, v in _DTYPES.items()}


def load_safetensors(path):
    """Every tensor of a safetensors file, as torch tensors (BF16 becomes float32)."""
    with open(path, 'rb') as f:
        header = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        data = f.read()
    out = {}
    for name, info in header.items():
        if name == '__metadata__':
            continue
        a, b = info['data_offsets']
        if info['dtype'] == 'BF16':
            bits = np.frombuffer(data[a:b], np.uint16).astype(np.uint32) << 16
            array = bits.view(np.float32)
        else:
            array = np.frombuffer(data[a:b], _DTYPES[info['dtype']])
        out[name] = torch.from_numpy(array.reshape(info['shape']).copy())
    return out


def save_safetensors(path, tensors, bf16=False):
    """Write tensors; with `bf16` every float is stored as nearest-even bfloat16."""
    header, blobs, offset = {}, [], 0
    for name in sorted(tensors):
        array = tensors[name]
        array = array.detach().cpu().numpy() if torch.is_tensor(array) else np.asarray(array)
        array = np.ascontiguousarray(array)
        if bf16 and array.dtype == np.float32:
            bits = torch.from_numpy(array).to(torch.bfloat16).float().numpy().view(np.uint32)
            dtype, blob = 'BF16', (bits >> 16).astype(np.uint16).tobytes()
        else:
            dtype, blob = _NAMES[array.dtype], array.tobytes()
        header[name] = {'dtype': dtype, 'shape': list(array.shape),
                        'data_offsets': [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path + '.part', 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for blob in blobs:
            f.write(blob)
    os.replace(path + '.part', path)


def load_model(folder):
    """A model from a folder with config.json and model.safetensors, in evaluation mode."""
    with open(os.path.join(folder, 'config.json')) as f:
        model = Segmenter(json.load(f))
    model.load_state_dict(load_safetensors(os.path.join(folder, 'model.safetensors')))
    return model.eval()


def make_config(size=192, hidden=24, blocks=(1, 1, 3, 1), heads=(1, 2, 4, 8), windows=(8, 8, 12, 6),
                global_blocks=(3, 4), c=64, memory=16, decoder_heads=4, mlp=128, layers=2):
    """config.json of a small SAM 2.1 (Hugging Face `sam2_video` keys)."""
    dims = [hidden * 2 ** i for i in range(4)]
    g = size // 16
    backbone = {
        'model_type': 'sam2_hiera_det_model', 'hidden_size': hidden, 'num_attention_heads': heads[0],
        'num_channels': 3, 'image_size': [size, size], 'patch_kernel_size': [7, 7],
        'patch_stride': [4, 4], 'patch_padding': [3, 3], 'query_stride': [2, 2],
        'window_positional_embedding_background_size': [7, 7], 'num_query_pool_stages': 3,
        'blocks_per_stage': list(blocks), 'embed_dim_per_stage': dims,
        'num_attention_heads_per_stage': list(heads), 'window_size_per_stage': list(windows),
        'global_attention_blocks': list(global_blocks), 'mlp_ratio': 4.0, 'hidden_act': 'gelu',
        'layer_norm_eps': 1e-06}
    return {
        'architectures': ['Sam2VideoModel'], 'model_type': 'sam2_video', 'sam2_version': '2.1',
        'image_size': size,
        'vision_config': {
            'model_type': 'sam2_vision_model', 'backbone_config': backbone,
            'backbone_channel_list': dims[::-1],
            'backbone_feature_sizes': [[4 * g, 4 * g], [2 * g, 2 * g], [g, g]],
            'fpn_hidden_size': c, 'fpn_kernel_size': 1, 'fpn_stride': 1, 'fpn_padding': 0,
            'fpn_top_down_levels': [2, 3], 'num_feature_levels': 3},
        'prompt_encoder_config': {
            'hidden_size': c, 'image_size': size, 'patch_size': 16, 'mask_input_channels': 16,
            'num_point_embeddings': 4, 'hidden_act': 'gelu', 'layer_norm_eps': 1e-06, 'scale': 1},
        'mask_decoder_config': {
            'hidden_size': c, 'hidden_act': 'gelu', 'mlp_dim': mlp, 'num_hidden_layers': 2,
            'num_attention_heads': decoder_heads, 'attention_downsample_rate': 2,
            'num_multimask_outputs': 3, 'iou_head_depth': 3, 'iou_head_hidden_dim': c,
            'dynamic_multimask_via_stability': True, 'dynamic_multimask_stability_delta': 0.05,
            'dynamic_multimask_stability_thresh': 0.98},
        'num_maskmem': 7, 'sigmoid_scale_for_mem_enc': 20.0, 'sigmoid_bias_for_mem_enc': -10.0,
        'enable_occlusion_spatial_embedding': True,
        'enable_temporal_pos_encoding_for_object_pointers': True,
        'multimask_output_in_sam': True, 'multimask_min_pt_num': 0, 'multimask_max_pt_num': 1,
        'multimask_output_for_tracking': True, 'max_object_pointers_in_encoder': 16,
        'max_cond_frame_num': -1, 'memory_attention_hidden_size': c,
        'memory_attention_num_layers': layers, 'memory_attention_num_attention_heads': 1,
        'memory_attention_downsample_rate': 1, 'memory_attention_feed_forward_hidden_size': mlp,
        'memory_attention_feed_forward_hidden_act': 'relu', 'memory_attention_rope_theta': 10000.0,
        'memory_attention_rope_feat_sizes': [g, g], 'memory_encoder_hidden_size': c,
        'memory_encoder_output_channels': memory, 'mask_downsampler_embed_dim': c,
        'mask_downsampler_kernel_size': 3, 'mask_downsampler_stride': 2,
        'mask_downsampler_padding': 1, 'mask_downsampler_total_stride': 16,
        'mask_downsampler_hidden_act': 'gelu', 'memory_fuser_num_layers': 2,
        'memory_fuser_embed_dim': c, 'memory_fuser_intermediate_dim': 4 * c,
        'memory_fuser_kernel_size': 7, 'memory_fuser_padding': 3,
        'memory_fuser_hidden_act': 'gelu',
        'predictor': {
            'fill_hole_area': 0, 'non_overlap_masks': False,
            'clear_non_cond_mem_around_input': False, 'add_all_frames_to_correct_as_cond': False,
            'binarize_mask_from_pts_for_mem_enc': True, 'memory_temporal_stride_for_eval': 1,
            'non_overlap_masks_for_mem_enc': False, 'mask_threshold': 0.0}}
