"""transformers' Sam2VideoModel: the image encoder, and a propagated frame with the full memory by
the number of objects, eager and compiled.

The models' random weights decide what is in the masks, not how long they take. Frames are
normalised already; the reference's resizing on the CPU is not counted.
"""

import torch
from timing import DTYPE
from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

# Until seven frames and sixteen object pointers are kept.
WARM_FRAMES = 17

TRUNKS = {
    "tiny": {},
    "large": {
        "hidden_size": 144,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads": 2,
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
        "window_positional_embedding_background_size": [7, 7],
    },
}


def build(size, device, side):
    trunk = Sam2HieraDetConfig(image_size=[side, side], **TRUNKS[size])
    vision = Sam2VisionConfig(
        backbone_config=trunk,
        backbone_channel_list=trunk.embed_dim_per_stage[::-1],
        backbone_feature_sizes=[[side // stride] * 2 for stride in (4, 8, 16)],
    )
    config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"image_size": side},
        image_size=side,
        memory_attention_rope_feat_sizes=[side // 16] * 2,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPE)
    try:
        with torch.device(device):
            return Sam2VideoModel(config).to(DTYPE).eval()
    finally:
        torch.set_default_dtype(before)


def compiled(model):
    # The memory grows for a while, and every number of objects has shapes of its own.
    torch._dynamo.config.cache_size_limit = 64
    for name in ("vision_encoder", "memory_attention", "memory_encoder", "mask_decoder"):
        setattr(model, name, torch.compile(getattr(model, name)))
    return model


def open_session(frame, count, device, objects):
    """A session over `count` times the same frame [3, side, side], with a click for every object."""
    side = frame.shape[-1]
    session = Sam2VideoInferenceSession(
        video=frame.expand(count, -1, -1, -1),
        video_height=540,
        video_width=960,
        inference_device=device,
        inference_state_device=device,
        video_storage_device=device,
        dtype=DTYPE,
        # A frame's features are computed in every call.
        max_vision_features_cache_size=1,
    )
    for number in range(1, objects + 1):
        at = side * number / (objects + 1)
        inputs = {
            "point_coords": torch.tensor([[[[at, side / 2]]]], device=device),
            "point_labels": torch.ones(1, 1, 1, dtype=torch.int32, device=device),
        }
        session.add_point_inputs(session.obj_id_to_idx(number), 0, inputs)
    session.obj_with_new_inputs = list(range(1, objects + 1))
    return session


def tracked(timing, model, frame, name, objects, warm):
    count = warm + 1 + timing.rounds + 2
    session = open_session(frame, count, timing.device, objects)
    for index in range(warm + 1):
        out = model(session, frame_idx=index)
    masks = out.pred_masks
    assert len(masks) == objects and torch.isfinite(masks).all(), "masks of every object"
    later = iter(range(warm + 1, count))
    timing.row(name, lambda: model(session, frame_idx=next(later)))


def measure(timing, options):
    small = options.check
    side = 256 if small else 1024
    for size in options.models:
        label = f"SAM 2.1 {size}"
        frame = torch.randn(3, side, side, device=timing.device, dtype=DTYPE)

        def run(kind, model, objects):
            warm = 1 if small else WARM_FRAMES
            for count in objects:
                plural = "s" if count > 1 else ""
                name = f"{label}, {count} object{plural}, {kind}"
                timing.attempt(
                    name, lambda: tracked(timing, model, frame, name, count, warm)
                )

        model = build(size, timing.device, side)
        timing.row(f"{label}, image encoder", lambda: model.get_image_features(frame[None]))
        run("eager", model, options.objects)
        if timing.measured:
            run("compiled", compiled(model), options.objects)
