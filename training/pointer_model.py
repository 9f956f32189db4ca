"""VideoMolmo in PyTorch for training and checking, in the checkpoint's own tensor names.

Plain and small on purpose: the library's engine is the fast implementation. Shapes: B frames, T crops
per frame, P patches per crop, W pooled cells per frame (all crops), S tokens, D model width.
Works with torch 1.13 and 2.x, on CPU or CUDA.
"""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

# ---------------------------------------------------------------------------------------------
# Preprocessing (numpy, float32)


def resize_matrix(n_in, n_out):
    """[n_out, n_in] weights of an antialiased bilinear resize along one axis."""
    f32 = np.float32
    if n_in == n_out:
        return np.eye(n_in, dtype=f32)
    scale = f32(n_in) / f32(n_out)
    support = max(scale, f32(1))
    inverse = f32(1) / scale if scale >= 1 else f32(1)
    matrix = np.zeros((n_out, n_in), f32)
    for i in range(n_out):
        center = scale * f32(i + 0.5)
        first = max(int(center - support + f32(0.5)), 0)
        end = min(int(center + support + f32(0.5)), n_in)
        taps = np.arange(first, end, dtype=f32)
        weights = np.maximum(1 - np.abs((taps - center + f32(0.5)) * inverse), 0).astype(f32)
        matrix[i, first:end] = weights / weights.sum(dtype=f32)
    return matrix


def scaled_size(h, w, height, width):
    f32 = np.float32
    scale = min(f32(height) / f32(h), f32(width) / f32(w))
    return max(int(f32(h) * scale), 1), max(int(f32(w) * scale), 1)


def resize_and_pad(image, height, width):
    """uint8 [h, w, 3] to float32 [height, width, 3] in 0..1, centred on black."""
    h, w = image.shape[:2]
    new_h, new_w = scaled_size(h, w, height, width)
    x = image.astype(np.float32) / np.float32(255)
    x = np.einsum('ow,hwc->hoc', resize_matrix(w, new_w), x, optimize=True)
    x = np.einsum('oh,hwc->owc', resize_matrix(h, new_h), x, optimize=True)
    out = np.zeros((height, width, 3), np.float32)
    top, left = (height - new_h) // 2, (width - new_w) // 2
    out[top:top + new_h, left:left + new_w] = np.clip(x, 0, 1)
    return out


def to_patches(crop, patch):
    """[H, W, 3] to [patches, patch * patch * 3], values in row, column, channel order."""
    h, w = crop.shape[0] // patch, crop.shape[1] // patch
    return crop.reshape(h, patch, w, patch, 3).transpose(0, 2, 1, 3, 4).reshape(h * w, -1)


def choose_tiling(h, w, window, margin, max_crops):
    f32 = np.float32
    candidates = sorted(((r, c) for r in range(1, max_crops + 1) for c in range(1, max_crops + 1)
                         if r * c <= max_crops), key=lambda rc: (rc[0] * rc[1], rc[0]))
    with np.errstate(divide='ignore'):
        scales = [min(f32(window * r) / f32(h - margin), f32(window * c) / f32(w - margin))
                  for r, c in candidates]
    if all(s < 1 for s in scales):
        return candidates[int(np.argmax(scales))]
    return candidates[int(np.argmin([s if s >= 1 else np.inf for s in scales]))]


def _kept(tiles, patches, m0, m1):
    """Per tile of one axis: (first kept pooled cell, number kept)."""
    window = patches - m0 - m1
    result = []
    for i in range(tiles):
        extra = (m0 if i == 0 else 0) + (m1 if i == tiles - 1 else 0)
        result.append((0 if i == 0 else m0 // 2, -(-(window + extra) // 2)))
    return result


def preprocess(image, config):
    """uint8 [h, w, 3] to crops [T, P, values], image tokens [n] and image_input_idx [T, cells].

    Indices count from the first image token; -100 marks cells that are not inserted.
    """
    p = config['preprocessor']
    side, patch = p['base_image_input_size'][0], p['image_patch_size']
    n, (m0, m1), cells = side // patch, p['overlap_margins'], p['image_token_length_h']
    ids = p['special_token_ids']
    mean = np.array(p['image_mean'], np.float32)
    std = np.array(p['image_std'], np.float32)
    window, margin = (n - m0 - m1) * patch, (m0 + m1) * patch
    rows, cols = choose_tiling(image.shape[0], image.shape[1], window, margin, p['max_crops'])

    canvas = resize_and_pad(image, window * rows + margin, window * cols + margin)
    tiles = [resize_and_pad(image, side, side)]
    tiles += [canvas[i * window:i * window + side, j * window:j * window + side]
              for i in range(rows) for j in range(cols)]
    crops = np.stack([to_patches((t - mean) / std, patch) for t in tiles])

    def grid_tokens(h, w):
        line = [ids['<im_patch>']] * w + [ids['<im_col>']]
        return [ids['<im_start>']] + line * h + [ids['<im_end>']]

    kept_rows, kept_cols = _kept(rows, n, m0, m1), _kept(cols, n, m0, m1)
    grid_h, grid_w = sum(k for _, k in kept_rows), sum(k for _, k in kept_cols)
    tokens = grid_tokens(cells, cells) + grid_tokens(grid_h, grid_w)
    index = np.full((len(tiles), cells, cells), -100, np.int64)
    y, x = np.mgrid[:cells, :cells]
    index[0] = 1 + (cells + 1) * y + x
    start, off_y = cells * (cells + 1) + 3, 0
    for i, (y0, ny) in enumerate(kept_rows):
        off_x = 0
        for j, (x0, nx) in enumerate(kept_cols):
            y, x = np.mgrid[:ny, :nx]
            index[1 + i * cols + j, y0:y0 + ny, x0:x0 + nx] = \
                start + (off_y + y) * (grid_w + 1) + off_x + x
            off_x += nx
        off_y += ny
    return crops, np.array(tokens), index.reshape(len(tiles), -1)


# ---------------------------------------------------------------------------------------------
# Modules. Attribute names spell the checkpoint's tensor names.


class Node(nn.Module):
    """A module that only groups others under a name."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def attend(q, k, v, mask=None):
    """q [N, kv, G * L, d], k and v [N, kv, S, d]; mask broadcastable to [N, 1, G * L, S], True = seen.

    Returns the output and the attention shares.
    """
    scores = torch.matmul(q * (q.shape[-1] ** -0.5), k.transpose(-1, -2))
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    shares = torch.softmax(scores, -1)
    return torch.matmul(shares, v), shares


class Attention(nn.Module):
    """Multi-head attention of the vision side: separate wq, wk, wv, wo."""

    def __init__(self, width_in, heads, head_dim, width_out, bias=True):
        super().__init__()
        inner = heads * head_dim
        self.heads = heads
        self.wq = nn.Linear(width_in, inner, bias=bias)
        self.wk = nn.Linear(width_in, inner, bias=bias)
        self.wv = nn.Linear(width_in, inner, bias=bias)
        self.wo = nn.Linear(inner, width_out, bias=bias)

    def forward(self, query, key_value):
        def split(t):
            return t.reshape(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)

        out, _ = attend(split(self.wq(query)), split(self.wk(key_value)), split(self.wv(key_value)))
        return self.wo(out.transpose(1, 2).flatten(2))


class VitBlock(nn.Module):
    def __init__(self, v):
        super().__init__()
        d = v['hidden_size']
        self.attention = Attention(d, v['num_attention_heads'], v['head_dim'], d)
        self.feed_forward = Node(w1=nn.Linear(d, v['intermediate_size']),
                                 w2=nn.Linear(v['intermediate_size'], d))
        self.attention_norm = nn.LayerNorm(d, eps=v['layer_norm_eps'])
        self.ffn_norm = nn.LayerNorm(d, eps=v['layer_norm_eps'])

    def forward(self, x):
        y = self.attention_norm(x)
        x = x + self.attention(y, y)
        y = self.feed_forward.w1(self.ffn_norm(x))
        return x + self.feed_forward.w2(y * torch.sigmoid(1.702 * y))


class Vit(nn.Module):
    def __init__(self, v):
        super().__init__()
        d, values = v['hidden_size'], 3 * v['patch_size'] ** 2
        self.class_embedding = nn.Parameter(torch.zeros(d))
        self.positional_embedding = nn.Parameter(torch.zeros(v['num_positions'], d))
        self.patch_embedding = nn.Linear(values, d, bias=False)
        self.pre_ln = nn.LayerNorm(d, eps=v['layer_norm_eps'])
        self.transformer = Node(resblocks=nn.ModuleList(
            VitBlock(v) for _ in range(v['num_hidden_layers'])))

    def forward(self, crops):
        """crops [N, P, values] to the outputs of all blocks, each [N, P + 1, d]."""
        x = self.patch_embedding(crops)
        cls = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        x = self.pre_ln(torch.cat([cls, x], 1) + self.positional_embedding)
        hidden = []
        for block in self.transformer.resblocks:
            x = block(x)
            hidden.append(x)
        return hidden


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        x = x.float()
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def rotate(t, cos, sin):
    """RoPE, rotate-half form. t [N, h, L, d]; cos and sin [N or 1, 1, L, d]."""
    half = t.shape[-1] // 2
    return t * cos + torch.cat([-t[..., half:], t[..., :half]], -1) * sin


class LlmBlock(nn.Module):
    """One Qwen2 block. Keys and values of earlier tokens may come from outside."""

    def __init__(self, c):
        super().__init__()
        d, heads, kv = c['hidden_size'], c['num_attention_heads'], c['num_key_value_heads']
        self.heads, self.kv, self.dim = heads, kv, d // heads
        self.attn_norm = RmsNorm(d, c['layer_norm_eps'])
        self.ff_norm = RmsNorm(d, c['layer_norm_eps'])
        self.att_proj = nn.Linear(d, (heads + 2 * kv) * self.dim, bias=c['qkv_bias'])
        self.attn_out = nn.Linear(d, d, bias=False)
        self.ff_proj = nn.Linear(d, c['intermediate_size'], bias=False)
        self.ff_out = nn.Linear(c['intermediate_size'] // 2, d, bias=False)

    def qkv(self, x, cos, sin):
        n, length = x.shape[:2]
        y = self.att_proj(self.attn_norm(x)).view(n, length, -1, self.dim).transpose(1, 2)
        q, k, v = y.split([self.heads, self.kv, self.kv], 1)
        return rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype), v

    def finish(self, x, q, k, v, mask):
        """mask bool [N or 1, L, S]. Returns x and the attention shares [N, heads, L, S]."""
        n, length = x.shape[:2]
        group = self.heads // self.kv
        q = q.reshape(n, self.kv, group * length, self.dim)
        mask = mask[:, None].repeat(1, 1, group, 1)
        out, shares = attend(q, k, v, mask)
        out = out.reshape(n, self.heads, length, self.dim)
        x = x + self.attn_out(out.transpose(1, 2).flatten(2))
        up, gate = self.ff_proj(self.ff_norm(x)).chunk(2, -1)
        return x + self.ff_out(F.silu(gate) * up), shares.view(n, self.heads, length, -1)


class VideoMolmo(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        v, d = c['vision_config'], c['hidden_size']
        if not c['qkv_bias'] or c['norm_after'] or c['attention_layer_norm']:
            raise ValueError('only the Qwen2 form of the language model is implemented')
        features = v['hidden_size'] * len(c['vit_layers'])
        heads, head_dim = v['num_attention_heads'], v['head_dim']
        hidden = c['intermediate_size'] // 2
        self.model = Node(
            transformer=Node(
                wte=Node(), ln_f=RmsNorm(d, c['layer_norm_eps']),
                ff_out=nn.Linear(d, c['embedding_size'], bias=False),
                blocks=nn.ModuleList(LlmBlock(c) for _ in range(c['num_hidden_layers']))),
            vision_backbone=Node(
                image_vit=Vit(v),
                adapter=Attention(features, heads, head_dim, features, bias=False),
                image_pooling_2d=Attention(features, heads, head_dim, v['hidden_size']),
                image_projector=Node(w1=nn.Linear(v['hidden_size'], hidden, bias=False),
                                     w3=nn.Linear(v['hidden_size'], hidden, bias=False),
                                     w2=nn.Linear(hidden, d, bias=False))))
        wte = self.model.transformer.wte
        wte.embedding = nn.Parameter(torch.zeros(c['embedding_size'], d))
        wte.new_embedding = nn.Parameter(torch.zeros(c['additional_vocab_size'], d))
        half = d // c['num_attention_heads'] // 2
        inverse = 1.0 / (c['rope_theta'] ** (torch.arange(half, dtype=torch.float32) / half))
        angle = torch.arange(c['max_position_embeddings'], dtype=torch.float32)[:, None] * inverse
        angle = torch.cat([angle, angle], -1)
        self.register_buffer('rope_cos', angle.cos(), persistent=False)
        self.register_buffer('rope_sin', angle.sin(), persistent=False)

    # ---- vision

    def encode(self, crops):
        """crops [N, P, values] to features [N, P, F]: the chosen block outputs without class token."""
        hidden = self.model.vision_backbone.image_vit(crops)
        return torch.cat([hidden[i] for i in self.config['vit_layers']], -1)[:, 1:]

    def windows(self, features):
        """[N, P, F] to 2 x 2 windows [N * cells, 4, F]; an odd grid is padded with zeros."""
        n, count, width = features.shape
        side = int(math.isqrt(count))
        x = features.view(n, side, side, width)
        if side % 2:
            x = F.pad(x, (0, 0, 0, 1, 0, 1))
        half = x.shape[1] // 2
        x = x.view(n, half, 2, half, 2, width).transpose(2, 3)
        return x.reshape(n * half * half, 4, width)

    def project(self, current, previous_mean):
        """Features of current frames and means of previous ones, [N, P, F], to [N, cells, D]."""
        vision = self.model.vision_backbone
        x = self.windows(current)
        x = x + vision.adapter(x, self.windows(previous_mean))
        pooled = vision.image_pooling_2d(x.mean(1, keepdim=True), x)
        p = vision.image_projector
        out = p.w2(F.silu(p.w1(pooled)) * p.w3(pooled))
        return out.reshape(current.shape[0], -1, out.shape[-1])

    # ---- language

    def embed(self, ids):
        wte = self.model.transformer.wte
        return F.embedding(ids, torch.cat([wte.embedding, wte.new_embedding]))

    def image_prefix(self, tokens, index, projected):
        """BOS and image tokens [n] (shared by all frames) with cells [B, W, D] added at index [W]."""
        bos = torch.tensor([self.config['preprocessor']['eos_token_id']], device=tokens.device)
        x = self.embed(torch.cat([bos, tokens])).expand(projected.shape[0], -1, -1)
        keep = index >= 0
        return x.index_add(1, index[keep] + 1, projected[:, keep].to(x.dtype))

    def _rope(self, positions):
        return self.rope_cos[positions].unsqueeze(-3), self.rope_sin[positions].unsqueeze(-3)

    def run_prefix(self, x):
        """Causal pass over x [B, S, D]; returns hidden [B, S, D] and per block (k, v)."""
        length = x.shape[1]
        positions = torch.arange(length, device=x.device)[None]
        mask = torch.ones(1, length, length, dtype=torch.bool, device=x.device).tril()
        cos, sin = self._rope(positions)
        cache = []
        for block in self.model.transformer.blocks:
            q, k, v = block.qkv(x, cos, sin)
            cache.append((k, v))
            x, _ = block.finish(x, q, k, v, mask)
        return x, cache

    def run_suffix(self, x, cache, frame, trace=None):
        """Causal pass over x [N, L, D], row i following the prefix of frame[i].

        Returns hidden [N, L, D]. If `trace` is a list, every block appends its attention shares and
        its output.
        """
        length, start = x.shape[1], cache[0][0].shape[2]
        positions = torch.arange(start, start + length, device=x.device)[None]
        own = torch.ones(1, length, length, dtype=torch.bool, device=x.device).tril()
        mask = torch.cat([own.new_ones(1, length, start), own], -1)
        cos, sin = self._rope(positions)
        for block, (pk, pv) in zip(self.model.transformer.blocks, cache):
            q, k, v = block.qkv(x, cos, sin)
            x, seen = block.finish(x, q, torch.cat([pk[frame], k], 2),
                                   torch.cat([pv[frame], v], 2), mask)
            if trace is not None:
                trace.append((seen, x))
        return x

    def logits(self, x):
        return self.model.transformer.ff_out(self.model.transformer.ln_f(x))

    @torch.no_grad()
    def generate(self, cache, frame, prompts, max_new=120):
        """Greedy answers for prompts (lists of ids), prompt i on the prefix of frame[i].

        Returns id lists; a list ends before the end-of-text token. Rows are right-padded: row i
        writes its keys at its own length and sees nothing beyond.
        """
        eos = self.config['preprocessor']['eos_token_id']
        n, device = len(prompts), self.rope_cos.device
        start, room = cache[0][0].shape[2], max(map(len, prompts)) + max_new
        lengths = torch.tensor([len(p) for p in prompts], device=device)
        ids = torch.full((n, max(map(len, prompts))), eos, dtype=torch.long, device=device)
        for i, p in enumerate(prompts):
            ids[i, :len(p)] = torch.tensor(p, device=device)
        frame = torch.as_tensor(frame, device=device)
        rows = torch.arange(n, device=device)
        columns = torch.arange(room, device=device)
        prefix = [(k[frame], v[frame]) for k, v in cache]
        store = [(k.new_zeros(n, k.shape[1], room, k.shape[3]),
                  k.new_zeros(n, k.shape[1], room, k.shape[3])) for k, _ in cache]
        answers, alive = [[] for _ in range(n)], [True] * n
        first = torch.zeros(n, dtype=torch.long, device=device)
        for step in range(max_new):
            length = ids.shape[1]
            local = first[:, None] + torch.arange(length, device=device)[None]
            own = columns[None, None] <= local[:, :, None]
            mask = torch.cat([own.new_ones(n, length, start), own], -1)
            cos, sin = self._rope(start + local)
            x = self.embed(ids)
            for block, (pk, pv), (sk, sv) in zip(self.model.transformer.blocks, prefix, store):
                q, k, v = block.qkv(x, cos, sin)
                for j in range(length):
                    sk[rows, :, first + j] = k[:, :, j]
                    sv[rows, :, first + j] = v[:, :, j]
                x, _ = block.finish(x, q, torch.cat([pk, sk], 2), torch.cat([pv, sv], 2), mask)
            last = lengths - 1 if step == 0 else torch.zeros_like(lengths)
            chosen = self.logits(x[rows, last]).argmax(-1)
            first = lengths if step == 0 else first + 1
            for i, token in enumerate(chosen.tolist()):
                alive[i] = alive[i] and token != eos
                if alive[i]:
                    answers[i].append(token)
            if not any(alive):
                break
            ids = chosen[:, None]
        return answers

    # ---- one frame, the reference path

    def previous_mean(self, features):
        """Running mean of a list of [T, P, F], in order."""
        mean = features[0]
        for i, f in enumerate(features[1:], 1):
            mean = mean + (f - mean) / (i + 1)
        return mean

    def start(self, frame, previous):
        """Prefix of one frame: uint8 [h, w, 3] and the list of previous ones in visiting order."""
        device = self.rope_cos.device

        def crops(image):
            data, tokens, index = preprocess(image, self.config)
            return torch.from_numpy(data).to(device), tokens, index

        now, tokens, index = crops(frame)
        mean = self.previous_mean([self.encode(crops(p)[0]) for p in previous])
        projected = self.project(self.encode(now), mean)
        cells = projected.reshape(1, -1, projected.shape[-1])
        return self.image_prefix(torch.from_numpy(tokens).to(device),
                                 torch.from_numpy(index.reshape(-1)).to(device), cells)


def load(model, path):
    """Loads model.safetensors strictly."""
    from safetensors.torch import load_file
    model.load_state_dict({k: v.float() for k, v in load_file(str(path)).items()})
    return model
