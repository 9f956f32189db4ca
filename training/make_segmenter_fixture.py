"""Write the small golden set of the embedded segmenter (one click, tracked over four frames).

    python training/make_segmenter_fixture.py --weights assets/segmenter \
        --out test/fixtures/segmenter-embedded
"""

import argparse
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

import shapes
from segmenter_model import Track, load_model, save_safetensors, video_frames
from train_segmenter import centre_point, region_j

FRAMES, SIZE, SEED = 4, (64, 96), 3


def record(out, key, result):
    for name, field in (('iou', None), ('low_res', 'low'), ('low_res_raw', 'low'),
                        ('obj_ptr', 'pointer'), ('object_score', 'score')):
        value = result['all_ious'][:, 1:] if field is None else result[field]
        out[f'{key}.{name}'] = value.float()


def grid_map(model, tokens):
    g = model.grid
    return tokens.transpose(1, 2).reshape(-1, model.m, g, g)


@torch.no_grad()
def run(model, frames, point):
    """The expected tensors of the two operations, in the names of the SAM 2 video sets."""
    t, h, w, _ = frames.shape
    images = video_frames(frames, model.size)
    owner, out = torch.zeros(1, dtype=torch.long), {}
    track, masks = Track(model, t), []

    def show(result):
        logits = F.interpolate(result['low'], size=(h, w), mode='bilinear', align_corners=False)
        masks.append(logits[0, 0] > 0)
        return logits[:, 0]

    frame = model.encode(images[:1])
    xy = torch.tensor(point, dtype=torch.float32).view(1, 1, 2) / torch.tensor([w, h]) * model.size
    first = model.heads(frame, owner, model.initial_features(frame, owner), xy,
                        torch.ones(1, 1, dtype=torch.long))
    record(out, 'op0.f0.o1', first)
    out['op0.video_logits'] = show(first)
    out['op0.video_masks'] = (out['op0.video_logits'] > 0).to(torch.uint8)
    track.start(0, frame, owner, first)
    out['op1.preflight.f0.o1.maskmem'] = grid_map(model, track.cond[1])
    out['op1.f0.video_masks'] = out['op0.video_masks']
    for i in range(1, t):
        result = track.advance(i, model.encode(images[i:i + 1]), owner)
        record(out, f'op1.f{i}.o1', result)
        out[f'op1.f{i}.o1.maskmem'] = grid_map(model, track.noncond[i][0])
        out[f'op1.f{i}.video_masks'] = (show(result) > 0).to(torch.uint8)
    for k in (0, 1):
        out[f'op{k}.obj_ids'] = torch.tensor([1], dtype=torch.int32)
    out['op1.frames'] = torch.arange(t, dtype=torch.int32)
    return out, masks


def tolerance(name):
    if name.endswith('video_masks'):
        return 0.02
    # A bfloat16 rounding that falls the other way moves a memory value by 2^-8 of itself.
    return 5e-3 if name.endswith('maskmem') else 1e-4


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--weights', default='assets/segmenter')
    p.add_argument('--out', default='test/fixtures/segmenter-embedded')
    args = p.parse_args()
    model = load_model(args.weights)
    clip = shapes.generate_clip(SEED, FRAMES, SIZE, 'eval')
    best = max(range(len(clip.masks)), key=lambda i: clip.masks[i].sum())
    point = [float(v) for v in centre_point(clip.masks[best, 0])]
    expected, masks = run(model, clip.frames, point)
    truth = torch.from_numpy(clip.masks[best]).bool()
    print('J of the fixture against the truth:',
          [round(region_j(a, b), 3) for a, b in zip(masks, truth)])
    os.makedirs(args.out, exist_ok=True)
    save_safetensors(os.path.join(args.out, 'inputs.safetensors'),
                     {'frames.rgb': np.ascontiguousarray(clip.frames)})
    save_safetensors(os.path.join(args.out, 'expected.safetensors'), expected)
    with open(os.path.join(args.weights, 'config.json')) as f:
        config = json.load(f)
    with open(os.path.join(args.out, 'config.json'), 'w') as f:
        json.dump(config, f, indent=1)
        f.write('\n')
    meta = {
        'name': 'segmenter-embedded',
        'what': 'The embedded segmenter: one click on frame 0, propagated forward over four frames',
        'reference': 'training/segmenter_model.py',
        'precision': 'fp32, CPU (memory features rounded to bfloat16)',
        'tolerance': {k: tolerance(k) for k in sorted(expected)},
        'weights': 'assets/segmenter',
        'notes': [
            'The weights are not stored here: they are assets/segmenter/model.safetensors of this '
            'repository (bfloat16 values, computed in fp32). config.json is a copy of theirs.',
            'Operations and tensor names as in the SAM 2 video golden sets. frames.rgb: 4 frames '
            'of 64x96 RGB. low_res equals low_res_raw, fill_hole_area is 0.'],
        'ops': {'main': [
            {'op': 'add_points_or_box', 'frame': 0, 'obj': 1, 'points': [point], 'labels': [1]},
            {'op': 'propagate'}]},
        'switches': {'main': {'fill_hole_area': 0}}}
    with open(os.path.join(args.out, 'meta.json'), 'w') as f:
        json.dump(meta, f, indent=1)
        f.write('\n')


if __name__ == '__main__':
    main()
