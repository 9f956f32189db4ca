"""PyTorch's figures for the rows of `npm run bench -- cuda`, as JSON lines {name, medianMs}.

The blocks are those of transformers (CLIP, Qwen2, SAM 2) with random weights at real widths, in
bf16, under inference mode. Times are medians between CUDA events after a warm-up. Without a device
the script says so and ends with 3; --check runs everything once at small sizes on the CPU.
"""

import argparse
import json
import statistics
import sys

import torch
from transformers import CLIPVisionConfig, Qwen2Config, Qwen2Model, Sam2VideoConfig, Sam2VideoModel
from transformers.cache_utils import DynamicCache
from transformers.models.clip.modeling_clip import CLIPEncoder
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

DTYPE = torch.bfloat16


def median_ms(work, device, rounds):
    """Median time of work() in milliseconds; three calls go unmeasured."""
    for _ in range(3 if rounds > 1 else 0):
        work()
    times = []
    for _ in range(rounds):
        if device.type != "cuda":
            work()
            return 0.0
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def vision(device, rounds, small):
    """Seven crops through four blocks of CLIP ViT-L/14-336."""
    width = 64 if small else 1024
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=4,
        num_attention_heads=width // 64,
        hidden_act="quick_gelu",
        attn_implementation="sdpa",
    )
    blocks = CLIPEncoder(config).to(device, DTYPE).eval()
    crops = torch.randn(7, 577, width, device=device, dtype=DTYPE)
    yield "7 crops, 4 blocks of ViT-L, bf16", median_ms(
        lambda: blocks(inputs_embeds=crops), device, rounds
    )


def decoder(device, rounds, small):
    """Prefill and a step of two blocks of Qwen2-7B: one sequence, and eight side by side."""
    config = Qwen2Config(
        vocab_size=2048,
        hidden_size=128 if small else 3584,
        intermediate_size=256 if small else 18944,
        num_hidden_layers=2,
        num_attention_heads=4 if small else 28,
        num_key_value_heads=2 if small else 4,
        attn_implementation="sdpa",
    )
    model = Qwen2Model(config).to(device, DTYPE).eval()
    head = torch.nn.Linear(config.hidden_size, 2048, bias=False).to(device, DTYPE)
    positions = 20 if small else 753
    for sequences in (1, 8):
        prompt = torch.randint(0, 2048, (sequences, positions), device=device)
        token = prompt[:, :1]
        cache = DynamicCache(config=config)

        def prefill():
            return model(prompt, past_key_values=DynamicCache(config=config), use_cache=True)

        def step():
            hidden = model(token, past_key_values=cache, use_cache=True).last_hidden_state
            cache.crop(-1)
            return head(hidden).argmax(-1)

        model(prompt, past_key_values=cache, use_cache=True)
        if sequences == 1:
            yield "prefill, 753 positions, 2 blocks, bf16", median_ms(prefill, device, rounds)
        plural = "s" if sequences > 1 else ""
        yield f"a step of {sequences} sequence{plural}, 2 blocks of 7B, bf16", median_ms(
            step, device, rounds
        )


def open_session(frames, device, objects):
    """A session over normalised frames [T, 3, 1024, 1024] with a click for every object."""
    session = Sam2VideoInferenceSession(
        video=frames,
        video_height=540,
        video_width=960,
        inference_device=device,
        inference_state_device=device,
        video_storage_device=device,
        dtype=DTYPE,
    )
    for number in range(1, objects + 1):
        at = 1024.0 * number / (objects + 1)
        inputs = {
            "point_coords": torch.tensor([[[[at, 512.0]]]], device=device),
            "point_labels": torch.ones(1, 1, 1, dtype=torch.int32, device=device),
        }
        session.add_point_inputs(session.obj_id_to_idx(number), 0, inputs)
    session.obj_with_new_inputs = list(range(1, objects + 1))
    return session


def segmenter(device, rounds, small):
    """SAM 2.1 tiny: image encoder, and a tracked frame with the full memory, encoder included."""
    model = Sam2VideoModel(Sam2VideoConfig()).to(device, DTYPE).eval()
    pixels = torch.randn(1, 3, 1024, 1024, device=device, dtype=DTYPE)
    yield "image encoder, bf16", median_ms(lambda: model.get_image_features(pixels), device, rounds)
    warm = 1 if small else 17
    frames = torch.randn(warm + rounds + (2 if small else 5), 3, 1024, 1024, dtype=DTYPE)
    frames = frames.to(device)
    for compiled in (False,) if small else (False, True):
        if compiled:
            model.vision_encoder = torch.compile(model.vision_encoder)
            model.memory_attention = torch.compile(model.memory_attention)
        session = open_session(frames, device, 1)
        for index in range(warm + 1):
            model(session, frame_idx=index)
        later = iter(range(warm + 1, len(frames)))
        label = ", compiled" if compiled else ""
        yield f"tracked frame in all{label}, bf16", median_ms(
            lambda: model(session, frame_idx=next(later)), device, rounds
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="small sizes on the CPU, once")
    options = parser.parse_args()
    if not options.check and not torch.cuda.is_available():
        print("No CUDA device: torch finds none.", file=sys.stderr)
        return 3
    device = torch.device("cpu" if options.check else "cuda")
    rounds = 1 if options.check else options.rounds
    with torch.inference_mode():
        for part in (vision, decoder, segmenter):
            try:
                for name, milliseconds in part(device, rounds, options.check):
                    print(json.dumps({"name": name, "medianMs": milliseconds}), flush=True)
            except Exception as error:  # one part's failure must not take the others' figures
                print(f"{part.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
                if options.check:
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
