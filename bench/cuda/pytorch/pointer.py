"""VideoMolmo as its reference runs it: for every frame the four frames before it are encoded again,
batch 1, greedy with a cache of keys and values. Beside it, the same with kept features.

Crops are on the device already: the reference's preprocessing on the CPU is not counted.
"""

import torch
from timing import DTYPE
from torch import nn
from torch.nn.functional import scaled_dot_product_attention, silu
from transformers import CLIPVisionConfig, Qwen2Config, Qwen2ForCausalLM
from transformers.cache_utils import DynamicCache
from transformers.models.clip.modeling_clip import CLIPEncoder

PREVIOUS = 4


class Sizes:
    """A 960x540 frame: nine crops, 864 image positions in a prompt of 913."""

    def __init__(self, small):
        self.crops = 2 if small else 9
        self.side = 4 if small else 24
        self.patch = 588
        self.vit_width = 64 if small else 1024
        self.vit_blocks = 3 if small else 23
        self.taken = (1, 0) if small else (21, 14)
        self.width = 128 if small else 3584
        self.mlp = 256 if small else 18944
        self.blocks = 2 if small else 28
        self.heads = 4 if small else 28
        self.kv_heads = 2 if small else 4
        self.vocabulary = 512 if small else 152064
        self.prompt = 12 if small else 913
        self.inserted = 6 if small else 864
        self.answer = 5 if small else 30


class Attention(nn.Module):
    """Attention inside windows of four entries, heads of 64."""

    def __init__(self, queries, keys, width, out, bias):
        super().__init__()
        self.q = nn.Linear(queries, width, bias=bias)
        self.k = nn.Linear(keys, width, bias=bias)
        self.v = nn.Linear(keys, width, bias=bias)
        self.o = nn.Linear(width, out, bias=bias)

    def forward(self, x, memory):
        heads = [
            part.unflatten(-1, (-1, 64)).transpose(1, 2)
            for part in (self.q(x), self.k(memory), self.v(memory))
        ]
        return self.o(scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))


class Vision(nn.Module):
    """Crops of patches to the features of two layers of ViT-L, without the class token."""

    def __init__(self, s):
        super().__init__()
        config = CLIPVisionConfig(
            hidden_size=s.vit_width,
            intermediate_size=4 * s.vit_width,
            num_hidden_layers=s.vit_blocks,
            num_attention_heads=s.vit_width // 64,
            hidden_act="quick_gelu",
            attn_implementation="sdpa",
        )
        self.taken = s.taken
        self.patches = nn.Linear(s.patch, s.vit_width, bias=False)
        self.cls = nn.Parameter(torch.empty(1, 1, s.vit_width))
        self.positions = nn.Parameter(torch.empty(s.side**2 + 1, s.vit_width))
        self.norm = nn.LayerNorm(s.vit_width)
        self.blocks = CLIPEncoder(config).layers

    def forward(self, crops):
        x = torch.cat([self.cls.expand(len(crops), -1, -1), self.patches(crops)], 1)
        x = self.norm(x + self.positions)
        kept = {}
        for index, block in enumerate(self.blocks):
            x = block(x, attention_mask=None)
            x = x[0] if isinstance(x, tuple) else x
            kept[index] = x
        return torch.cat([kept[index] for index in self.taken], -1)[:, 1:]


class VideoMolmo(nn.Module):
    def __init__(self, s):
        super().__init__()
        both = 2 * s.vit_width
        self.sizes = s
        self.vision = Vision(s)
        self.temporal = Attention(both, both, s.vit_width, both, bias=False)
        self.pooling = Attention(both, both, s.vit_width, s.vit_width, bias=True)
        self.gate = nn.Linear(s.vit_width, s.mlp, bias=False)
        self.up = nn.Linear(s.vit_width, s.mlp, bias=False)
        self.down = nn.Linear(s.mlp, s.width, bias=False)
        config = Qwen2Config(
            vocab_size=s.vocabulary,
            hidden_size=s.width,
            intermediate_size=s.mlp,
            num_hidden_layers=s.blocks,
            num_attention_heads=s.heads,
            num_key_value_heads=s.kv_heads,
            rope_theta=1e6,
            attn_implementation="sdpa",
        )
        self.llm = Qwen2ForCausalLM(config)

    def windows(self, features):
        """[crops, side * side, c] to [windows, 4, c], 2 x 2 neighbours each."""
        half = self.sizes.side // 2
        grid = features.unflatten(1, (half, 2, half, 2))
        return grid.transpose(2, 3).flatten(3, 4).flatten(0, 2)

    def image(self, now, before):
        """Rows for the language model, of a frame's features and those of the frames before it."""
        mean = torch.stack(before).mean(0)
        x, memory = self.windows(now), self.windows(mean)
        x = x + self.temporal(x, memory)
        pooled = self.pooling(x.mean(1, keepdim=True), x)[:, 0]
        return self.down(silu(self.gate(pooled)) * self.up(pooled))

    def prefill(self, ids, rows):
        cache = DynamicCache(config=self.llm.config)
        x = self.llm.get_input_embeddings()(ids)
        count = min(self.sizes.inserted, len(rows), ids.shape[1] - 1)
        x[0, 1 : count + 1] += rows[:count]
        out = self.llm(inputs_embeds=x, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache, out.logits[:, -1].argmax(-1, keepdim=True)

    def step(self, cache, token):
        out = self.llm(input_ids=token, past_key_values=cache, use_cache=True)
        return out.logits[:, -1].argmax(-1, keepdim=True)

    def decode(self, cache, token):
        """Every id comes to the host, where generation looks for the end."""
        ids = [token.item()]
        while len(ids) < self.sizes.answer:
            token = self.step(cache, token)
            ids.append(token.item())
        return ids


def build(s, device):
    """Random weights, made on the device in bf16."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPE)
    try:
        with torch.device("meta"):
            model = VideoMolmo(s)
    finally:
        torch.set_default_dtype(before)
    model = model.to_empty(device=device).eval()
    for parameter in model.parameters():
        spread = 0.02 if parameter.dim() > 1 else 0.1
        parameter.normal_(0.0, spread)
    # Buffers of a model made on "meta" hold nothing yet.
    rotary = type(model.llm.model.rotary_emb)
    with torch.device(device):
        model.llm.model.rotary_emb = rotary(config=model.llm.config)
    return model


def measure(timing, options):
    s = Sizes(options.check)
    model = build(s, timing.device)
    generator = torch.Generator(timing.device).manual_seed(1)

    def random(*shape):
        return torch.randn(*shape, generator=generator, device=timing.device, dtype=DTYPE)

    frames = [random(s.crops, s.side**2, s.patch) for _ in range(PREVIOUS + 1)]
    ids = torch.randint(
        0, s.vocabulary, (1, s.prompt), generator=generator, device=timing.device
    )
    kept = [model.vision(frame) for frame in frames[:PREVIOUS]]

    def again():
        return model.image(model.vision(frames[-1]), [model.vision(f) for f in frames[:PREVIOUS]])

    def reusing():
        return model.image(model.vision(frames[-1]), kept)

    rows = again()
    difference = (rows - reusing()).abs().max().item()
    assert torch.isfinite(rows).all() and difference == 0.0, f"features differ by {difference}"
    assert len(model.decode(*model.prefill(ids, rows))) == s.answer

    timing.row("vision, frames encoded again", again)
    timing.row("vision, features kept", reusing)
    timing.row("prefill", lambda: model.prefill(ids, rows))
    cache, token = model.prefill(ids, rows)

    def only_prompt():
        if (extra := cache.get_seq_length() - s.prompt) > 0:
            cache.crop(-extra)

    def decode():
        only_prompt()
        return model.decode(cache, token)

    def step():
        only_prompt()
        return model.step(cache, token)

    timing.row("decoding", decode)
    timing.row("a step of 1 sequence", step)
    timing.row("total, frames encoded again", lambda: model.decode(*model.prefill(ids, again())))
    timing.row("total, features kept", lambda: model.decode(*model.prefill(ids, reusing())))
