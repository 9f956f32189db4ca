"""Train the embedded segmenter (a small SAM 2.1) on procedural clips.

Two stages. Pictures first: one encoding, one prompt per object. Then clips: a prompt on one frame,
the following ones through the memory, mixed with pictures. The data of a step is a function of the
seed and of the number of the step, so a run can stop and go on (`--resume`).

    python training/train_segmenter.py --out training/runs/segmenter
"""

import argparse
import copy
import json
import math
import os
import signal
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import shapes
from segmenter_model import (Segmenter, Track, make_config, preprocess, save_safetensors,
                             video_frames)

TARGET = 96  # side of the mask targets; logits (48) are upsampled to it


# ---- data -----------------------------------------------------------------------------------


def add_bar(rng, frames, masks):
    """A resting textured bar in front of everything, so that objects vanish and come back."""
    _, h, w, _ = frames.shape
    color = rng.uniform(30, 220, 3)
    if rng.random() < 0.5:
        bh, bw = h, int(w * rng.uniform(0.12, 0.3))
    else:
        bh, bw = int(h * rng.uniform(0.12, 0.35)), w
    y, x = rng.integers(h - bh + 1), rng.integers(w - bw + 1)
    texture = color + rng.normal(0, rng.uniform(1, 12), (bh, bw, 1))
    frames[:, y:y + bh, x:x + bw] = np.clip(texture, 0, 255)
    masks[:, :, y:y + bh, x:x + bw] = 0


def cut_away(rng, frames, masks, other):
    """Some frames after the first show another scene (from `other`, resized by repetition)."""
    t, h, w, _ = frames.shape
    start = rng.integers(1, t)
    stop = rng.integers(start, t) + 1
    rows = np.arange(h) * other.shape[1] // h
    cols = np.arange(w) * other.shape[2] // w
    frames[start:stop] = other[:stop - start][:, rows][:, :, cols]
    masks[:, start:stop] = 0


def training_clip(rng, seed, length):
    """A clip of `length` frames with augmentations: (frames uint8, masks uint8)."""
    clip = shapes.generate_clip(seed, split='train')
    total = clip.frames.shape[0]
    stride = 2 if length > 1 and rng.random() < 0.25 and 2 * (length - 1) < total else 1
    first = rng.integers(total - stride * (length - 1))
    order = first + stride * np.arange(length)
    if rng.random() < 0.5:
        order = order[::-1]
    frames, masks = clip.frames[order].copy(), clip.masks[:, order].copy()
    if rng.random() < (0.25 if length > 1 else 0.1):
        add_bar(rng, frames, masks)
    if length > 1 and rng.random() < 0.1:
        cut_away(rng, frames, masks, shapes.generate_clip(seed + 10 ** 8).frames)
    if rng.random() < 0.5:
        frames, masks = frames[:, :, ::-1], masks[..., ::-1]
    return np.ascontiguousarray(frames), np.ascontiguousarray(masks)


def visible_enough(mask):
    return mask.sum() >= max(8, 0.001 * mask.size)


def random_point(rng, mask):
    """A pixel of the mask as continuous (x, y)."""
    ys, xs = np.nonzero(mask)
    i = rng.integers(len(ys))
    return np.array([xs[i] + 0.5, ys[i] + 0.5])


def centre_point(mask):
    """The visible pixel nearest to the centroid, as continuous (x, y)."""
    ys, xs = np.nonzero(mask)
    i = np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2)
    return np.array([xs[i] + 0.5, ys[i] + 0.5])


def click(rng, mask, others):
    """One click meant for the object; some miss it by a few pixels, as predicted points do."""
    kind = rng.random()
    if kind < 0.5:
        return random_point(rng, mask)
    p = centre_point(mask) if kind < 0.85 else random_point(rng, mask)
    q = p + rng.normal(0, 0.015 * min(mask.shape), 2)
    x, y = np.floor(q).astype(int)
    inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]
    return q if inside and not others[y, x] else p


def background_click(rng, union):
    """A click far from every object, or None where the picture has no such place."""
    h, w = union.shape
    margin = int(0.08 * min(h, w))
    for _ in range(10):
        y, x = rng.integers(h), rng.integers(w)
        if not union[max(y - margin, 0):y + margin + 1, max(x - margin, 0):x + margin + 1].any():
            return np.array([x + 0.5, y + 0.5])
    return None


def box_of(rng, mask):
    ys, xs = np.nonzero(mask)
    box = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]], float)
    return box + rng.normal(0, 0.05, (2, 2)) * (box[1] - box[0])


def make_prompt(rng, kind, mask, others):
    """Points [P,2] in pixels and labels [P]; P depends on the kind only."""
    if kind == 'click':
        return click(rng, mask, others)[None], [1]
    if kind == 'clicks':
        negative = others if others.any() and rng.random() < 0.5 else 1 - (mask | others)
        if not negative.any():
            negative = 1 - mask
        return np.stack([random_point(rng, mask), random_point(rng, mask),
                         random_point(rng, negative)]), [1, 1, 0]
    if kind == 'pair':
        return np.stack([random_point(rng, mask), random_point(rng, mask)]), [1, 1]
    box = box_of(rng, mask)
    if kind == 'box':
        return box, [2, 3]
    return np.concatenate([box, random_point(rng, mask)[None]]), [2, 3, 1]


def shrink_masks(masks):
    """0/1 masks [..., H, W] -> coverage [..., TARGET, TARGET] float."""
    x = torch.as_tensor(masks).float()
    shape = x.shape
    x = F.interpolate(x.reshape(-1, 1, *shape[-2:]), size=(TARGET, TARGET), mode='bilinear',
                      align_corners=False, antialias=True)
    return x.reshape(*shape[:-2], TARGET, TARGET)


def scene_targets(masks):
    """Coverage of object masks [N,TARGET,TARGET] -> [4,TARGET/2,TARGET/2] for the auxiliary head.

    Channels: coverage by any object, weight of the centre, and the centre (x, y) of the object
    that covers the cell, in fractions of the picture."""
    small = F.avg_pool2d(masks[:, None], 2)[:, 0]
    t = (torch.arange(TARGET // 2) + 0.5) / (TARGET // 2)
    mass = small.sum((1, 2)).clamp(min=1e-6)
    x, y = (small.sum(1) @ t) / mass, (small.sum(2) @ t) / mass
    own = small.argmax(0)
    weight = (small.max(0).values > 0.5).float()
    return torch.stack([small.sum(0).clamp(max=1), weight, x[own], y[own]])


class Auxiliary(nn.Module):
    """Linear read-outs of inner features, used in training only.

    Pictures: shapes against background at every scale, and the position code of the centre of the
    shape under each coarse cell. Prompts: the coarse mask from the image side of each decoder layer
    and from the memory-conditioned features, the code of the object's centre, its size and its colour
    from the mask tokens; colours under every pixel of a shape. Without them the decoder stays on blobs around the click for a long time."""

    def __init__(self, model, share=1.0):
        super().__init__()
        c = model.c
        self.share = share  # factor on all of its losses
        self.fine, self.middle, self.coarse = nn.Linear(c // 8, 1), nn.Linear(c // 4, 1), nn.Linear(c, 1)
        self.centre, self.token = nn.Linear(c, c), nn.Linear(c, c + 1)
        self.keys = nn.ModuleList(nn.Linear(c, 1) for _ in range(3))
        nn.init.eye_(self.centre.weight)
        self.colors = nn.ModuleList(nn.Linear(n, 3) for n in (c // 8, c // 4, c, c))
        self.taps = {}
        decoder = model.sam_mask_decoder
        for i, layer in enumerate(decoder.transformer.layers):
            layer.register_forward_hook(self.tap(i))
        decoder.transformer.register_forward_hook(self.tap('out'))
        model.memory_attention.register_forward_hook(self.tap('memory'))
        self.code = model.sam_prompt_encoder.code

    def tap(self, name):
        def hook(module, inputs, output):
            self.taps[name] = output
        return hook

    def pictures(self, frame, scenes, images):
        """Loss on the features of `encode`; scenes [clips,4,TARGET/2,TARGET/2]."""
        grid = int(math.sqrt(frame['f2'].shape[1]))
        coarse = self.coarse(frame['f2']).unflatten(1, (grid, grid))
        square = frame['f2'].unflatten(1, (grid, grid))
        loss = 0
        for read, x, out in zip(self.colors, (frame['s0'], frame['s1'], square),
                                (self.fine(frame['s0']), self.middle(frame['s1']), coarse)):
            color = F.interpolate(images, size=x.shape[1:3], mode='area').permute(0, 2, 3, 1)
            covered = F.interpolate(scenes[:, :1], size=x.shape[1:3], mode='area')[:, 0] > 0.5
            error = (read(x) - color).abs().mean(-1)
            loss = loss + 0.5 * (error * covered).sum() / covered.sum().clamp(min=1)
            small = F.avg_pool2d(scenes, scenes.shape[-1] // out.shape[1])
            loss = loss + F.binary_cross_entropy_with_logits(out[..., 0], small[:, 0])
        # `small` is now on the coarse grid; centres there are weighted means.
        centre = F.avg_pool2d(scenes[:, 2:] * scenes[:, 1:2], scenes.shape[-1] // grid)
        centre = (centre / small[:, 1:2].clamp(min=1e-3)).permute(0, 2, 3, 1).flatten(1, 2)
        error = (self.centre(frame['f2']) - self.code(centre)).pow(2).mean(-1)
        covered = small[:, 1].flatten(1) > 0.25
        return self.share * (loss + 2 * (error * covered).sum() / covered.sum().clamp(min=1))

    def prompts(self, truth):
        """Loss on the inside of the latest decoder call."""
        target, present = truth['mask'], truth['present']
        outs = [self.keys[i](self.taps[i][1])[..., 0] for i in (0, 1)]
        if 'memory' in self.taps:
            outs.append(self.keys[2](self.taps.pop('memory'))[..., 0])
        grid = int(math.sqrt(outs[0].shape[1]))
        small = F.avg_pool2d(target[:, None], TARGET // grid).flatten(1)
        count = present.sum().clamp(min=1)
        loss = 0
        for out in outs:
            ce = F.binary_cross_entropy_with_logits(out, small, reduction='none')
            loss = loss + ((ce * (1 + 4 * small)).mean(1) * present).sum() / count
        t = (torch.arange(TARGET, device=target.device) + 0.5) / TARGET
        mass = target.sum((1, 2)).clamp(min=1e-6)
        middle = torch.stack([target.sum(1) @ t, target.sum(2) @ t], -1) / mass[:, None]
        goal = torch.cat([self.code(middle), (mass[:, None] / TARGET ** 2).sqrt() * 4], -1)
        tokens = self.taps['out'][0][:, 2:6]
        error = (self.token(tokens) - goal[:, None]).pow(2).mean((1, 2))
        error = error + 0.5 * (self.colors[3](tokens) - truth['color'][:, None]).abs().mean((1, 2))
        return self.share * (loss + 2 * (error * present).sum() / count)


class Batch:
    """Prompts on the first frame of several clips of equal length."""

    def __init__(self, rng, seeds, length, kind, max_objects, size, repeat=1):
        images, targets, areas, coords, labels, owner = [], [], [], [], [], []
        scenes, unions = [], []
        for seed in seeds:
            frames, masks = training_clip(rng, seed, length)
            usable = [i for i in range(len(masks)) if visible_enough(masks[i, 0])]
            usable = list(rng.permutation(usable)[:max_objects]) * repeat
            if not usable:
                continue
            union = masks[:, 0].max(0)
            h, w = union.shape
            for i in usable:
                points, marks = make_prompt(rng, kind, masks[i, 0], union & (1 - masks[i, 0]))
                truth = masks[i]
                if kind == 'click' and rng.random() < 0.07:
                    miss = background_click(rng, union)
                    if miss is not None:
                        points, truth = miss[None], np.zeros_like(truth)
                coords.append(points / (w, h) * size)
                labels.append(marks)
                targets.append(shrink_masks(truth))
                areas.append(truth.reshape(length, -1).sum(1) / (h * w))
                owner.append(len(images))
            unions.append(shrink_masks(masks.max(0)))
            scenes.append(scene_targets(shrink_masks(masks[:, 0])))
            images.append(preprocess(frames, size, bicubic=rng.random() < 0.5))
        self.scenes = torch.stack(scenes)  # [clips, 4, TARGET/2, TARGET/2]
        self.union = torch.stack(unions)  # [clips, T, TARGET, TARGET]
        self.images = torch.stack(images)  # [clips, T, 3, S, S]
        self.targets = torch.stack(targets)  # [B, T, TARGET, TARGET]
        area = torch.tensor(np.array(areas))
        self.present = (area > 0).float()
        # A sliver is neither present nor absent: the score is not trained on it.
        self.sure = ((area == 0) | (area > 0.0006)).float()
        self.coords = torch.tensor(np.array(coords), dtype=torch.float32)
        self.labels = torch.tensor(np.array(labels))
        self.owner = torch.tensor(owner)

    def truth(self, t):
        """What is true of frame t, per object: mask, the other objects, colour, presence, sureness."""
        mask = self.targets[:, t]
        small = F.interpolate(self.images[:, t], size=(TARGET, TARGET), mode='area')[self.owner]
        mass = mask.sum((1, 2)).clamp(min=1e-6)
        return {'mask': mask, 'others': (self.union[self.owner, t] - mask).clamp(0, 1),
                'color': (small * mask[:, None]).sum((2, 3)) / mass[:, None],
                'present': self.present[:, t], 'sure': self.sure[:, t]}

    def to(self, device):
        for k, v in self.__dict__.items():
            setattr(self, k, v.to(device))
        return self


# ---- losses ---------------------------------------------------------------------------------


def losses(result, truth, balance, margin=0.0):
    """Mask (cross entropy and dice), IoU and score losses of one decoder call, mean over objects.

    `balance` > 0 weighs small objects up, which breaks the first plateau (with SAM's focal loss
    this small model stays on blobs for hundreds of steps) but draws the edge outwards, so it
    falls to 0. Pixels of other objects count more: leaking into a neighbour is the usual mistake.
    All masks learn, the best of the three a little more: these prompts are not ambiguous, and
    with the best alone the three hedge ("with the neighbour", "without") and the IoU head has to
    tell them apart. `margin` > 0 lets the masks grow until an edge pixel is that much of a logit
    less likely than not, so that two masks of an object may be intersected without loss."""
    target, present, sure = truth['mask'], truth['present'], truth['sure']
    others = truth['others'][:, None]
    logits = F.interpolate(result['all_masks'], size=(TARGET, TARGET), mode='bilinear',
                           align_corners=False)
    t = target[:, None].expand_as(logits)
    p = torch.sigmoid(logits - margin)
    ce = F.binary_cross_entropy_with_logits(logits - margin, t, reduction='none')
    if balance > 0:
        ce = ce * (1 + t * (balance / t.mean((2, 3), keepdim=True).clamp(min=0.02)))
    ce = ce * (1 + 4 * others)
    dice = 1 - (2 * (p * t).sum((2, 3)) + 1) / ((p * (1 + 2 * others) + t).sum((2, 3)) + 1)
    each = (15 - 50 * balance) * ce.mean((2, 3)) + dice
    best = each[:, 1:].detach().argmin(1, keepdim=True) + 1
    mask_loss = each[:, 0] + 0.3 * each.gather(1, best)[:, 0] + 0.9 * each[:, 1:].mean(1)
    with torch.no_grad():
        a, b = logits > 0, t > 0.5
        iou = (a & b).sum((2, 3)).float() / (a | b).sum((2, 3)).clamp(min=1).float()
        chosen = result['all_ious'][:, 1:].argmax(1, keepdim=True) + 1
    iou_loss = (result['all_ious'] - iou).abs().mean(1)
    count = present.sum().clamp(min=1)
    score = F.binary_cross_entropy_with_logits(result['score'][:, 0], present, reduction='none')
    return {'mask': (mask_loss * present).sum() / count, 'iou': (iou_loss * present).sum() / count,
            'score': (score * sure).sum() / sure.sum().clamp(min=1),
            'hit': (iou.gather(1, chosen)[:, 0] * present).sum() / count}


def total(parts):
    return parts['mask'] + parts['iou'] + parts['score']


def correction(rng, low, target):
    """A click in the wrong region of each prediction: coords [B,1,2] in model pixels, labels."""
    pred = F.interpolate(low, size=(TARGET, TARGET), mode='bilinear', align_corners=False)[:, 0] > 0
    points, labels = [], []
    for p, t in zip(pred.cpu().numpy(), (target > 0.5).cpu().numpy()):
        wrong = p != t
        place = wrong if wrong.any() else (t if t.any() else np.ones_like(t))
        x, y = random_point(rng, place)
        points.append([[x / TARGET, y / TARGET]])
        labels.append([1 if t[int(y), int(x)] else 0])
    return torch.tensor(points, dtype=torch.float32, device=low.device), torch.tensor(
        labels, device=low.device)


def image_step(model, extra, rng, seeds, repeat, balance, margin):
    kinds = ['click', 'pair', 'clicks', 'box', 'box_click']
    early = balance > 0.1
    kind = 'click' if early else str(rng.choice(kinds, p=[0.66, 0.08, 0.08, 0.12, 0.06]))
    b = Batch(rng, seeds, 1, kind, 5, model.size, repeat).to(model.no_mem_embed.device)
    frame = model.encode(b.images[:, 0])
    features = model.initial_features(frame, b.owner)
    truth = b.truth(0)
    result = model.heads(frame, b.owner, features, b.coords, b.labels, None, kind == 'click')
    parts = losses(result, truth, balance, margin)
    parts['pictures'] = extra.pictures(frame, b.scenes, b.images[:, 0])
    parts['prompts'] = extra.prompts(truth)
    loss = total(parts) + (0.5 + 7.5 * balance) * (parts['pictures'] + parts['prompts'])
    if not early and rng.random() < 0.25:
        point, label = correction(rng, result['raw'].detach(), b.targets[:, 0])
        coords = torch.cat([b.coords, point * model.size], 1)
        labels = torch.cat([b.labels, label], 1)
        prev = result['low'].detach().clamp(-32, 32)
        again = model.heads(frame, b.owner, features, coords, labels, prev, False)
        loss = loss + 0.5 * total(losses(again, truth, balance, margin))
    return loss, parts


def video_step(model, extra, rng, seeds, length, balance, margin):
    kind = str(rng.choice(['click', 'clicks', 'box', 'mask'], p=[0.8, 0.05, 0.08, 0.07]))
    b = Batch(rng, seeds, length, 'click' if kind == 'mask' else kind, 4, model.size)
    b = b.to(model.no_mem_embed.device)
    clips = b.images.shape[0]
    every = model.encode(b.images.flatten(0, 1))
    frames = [{k: v.reshape(clips, length, *v.shape[1:])[:, t] for k, v in every.items()}
              for t in range(length)]
    track = Track(model, int(rng.choice([16, length, rng.integers(length, 17)])))

    truths = [b.truth(t) for t in range(length)]
    extra.taps.clear()
    if kind == 'mask':
        mask = F.interpolate(b.targets[:, :1], size=(model.size,) * 2, mode='bilinear',
                             align_corners=False)
        first = model.mask_as_output(frames[0], b.owner, (mask > 0.5).float())
        loss = total(losses(first['inner'], truths[0], balance, margin))
    else:
        first = model.heads(frames[0], b.owner, model.initial_features(frames[0], b.owner),
                            b.coords, b.labels, None, kind == 'click')
        loss = total(losses(first, truths[0], balance, margin))
    parts = {'pictures': extra.pictures(frames[0], b.scenes, b.images[:, 0])}
    loss = loss + 0.5 * (parts['pictures'] + extra.prompts(truths[0]))
    track.start(0, frames[0], b.owner, first, binarize=bool(rng.random() < 0.9))
    later = []
    for t in range(1, length):
        result = track.advance(t, frames[t], b.owner)
        later.append(losses(result, truths[t], balance, margin))
        later[-1]['prompts'] = extra.prompts(truths[t])
        loss = loss + total(later[-1]) + 0.5 * later[-1]['prompts']
    parts.update({k: sum(p[k] for p in later) / len(later) for k in later[0]})
    return loss / length * 2, {'v_' + k: v for k, v in parts.items()}


# ---- measuring ------------------------------------------------------------------------------


def boundary(mask):
    """Pixels whose right, lower or lower-right neighbour differs (as DAVIS draws contours)."""
    m = F.pad(mask[None, None].float(), (0, 1, 0, 1), mode='replicate')[0, 0].bool()
    a = m[:-1, :-1]
    return (a ^ m[:-1, 1:]) | (a ^ m[1:, :-1]) | (a ^ m[1:, 1:])


def boundary_f(pred, truth):
    h, w = truth.shape
    r = int(math.ceil(0.008 * math.hypot(h, w)))
    y, x = torch.meshgrid(torch.arange(-r, r + 1), torch.arange(-r, r + 1), indexing='ij')
    disk = (x * x + y * y <= r * r).float()[None, None]
    edges = torch.stack([boundary(pred), boundary(truth)])[:, None].float()
    near = F.conv2d(edges, disk, padding=r) > 0.5
    pe, te = edges[0, 0] > 0, edges[1, 0] > 0
    if not pe.any() or not te.any():
        return float(not pe.any() and not te.any())
    precision = float((pe & near[1, 0]).sum()) / float(pe.sum())
    recall = float((te & near[0, 0]).sum()) / float(te.sum())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def region_j(pred, truth):
    union = float((pred | truth).sum())
    return float((pred & truth).sum()) / union if union else 1.0


@torch.no_grad()
def evaluate(model, clips, length=12, split='validation', first_seed=0):
    """One centre click per object on the first frame (odd clips: on the last, run backwards).

    Returns the mean IoU of the clicked masks and J, F of the frames after them, both at the
    clip's own size, with the choices of the library: best of three by IoU, hard object gate."""
    model.eval()
    clicked, js, fs = [], [], []
    for n in range(clips):
        clip = shapes.generate_clip(first_seed + n, split=split)
        frames, masks = clip.frames[:length], clip.masks[:, :length]
        if n % 2:
            frames, masks = frames[::-1], masks[:, ::-1]
        keep = [i for i in range(len(masks)) if masks[i, 0].any()]
        frames, masks = np.ascontiguousarray(frames), torch.tensor(masks[keep].copy()).bool()
        h, w = frames.shape[1:3]
        images = video_frames(frames, model.size).to(model.no_mem_embed.device)
        points = np.stack([centre_point(m[0].numpy()) for m in masks])[:, None]
        coords = torch.tensor(points / (w, h) * model.size, dtype=torch.float32)
        owner = torch.zeros(len(keep), dtype=torch.long)
        track = Track(model, length)
        for t in range(length):
            frame = model.encode(images[t:t + 1])
            if t == 0:
                r = model.heads(frame, owner, model.initial_features(frame, owner), coords,
                                torch.ones(len(keep), 1, dtype=torch.long))
                track.start(0, frame, owner, r)
            else:
                r = track.advance(t, frame, owner)
            low = F.interpolate(r['low'].cpu(), size=(h, w), mode='bilinear', align_corners=False)
            for pred, truth in zip(low[:, 0] > 0, masks[:, t]):
                if t == 0:
                    clicked.append(region_j(pred, truth))
                else:
                    js.append(region_j(pred, truth))
                    fs.append(boundary_f(pred, truth))
    j, f = float(np.mean(js)), float(np.mean(fs))
    return {'click_iou': round(float(np.mean(clicked)), 4), 'J': round(j, 4), 'F': round(f, 4),
            'JF': round((j + f) / 2, 4), 'lost': round(float(np.mean(np.array(js) < 0.3)), 4)}


# ---- running --------------------------------------------------------------------------------


def learning_rate(step, args):
    """Linear warm-up, flat until `flat` of the run, then cosine to 2 %."""
    done = step / args.steps
    scale = min(1.0, (step + 1) / args.warmup)
    if done > args.flat:
        x = min(1.0, (done - args.flat) / (1 - args.flat))
        scale *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * x))
    return args.lr * scale


def export(model, folder, bf16):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'config.json'), 'w') as f:
        json.dump(model.config, f, indent=1)
        f.write('\n')
    save_safetensors(os.path.join(folder, 'model.safetensors'), model.state_dict(), bf16)


def groups(model, decay):
    """Norms, biases and embeddings are not decayed."""
    plain = [p for p in model.parameters() if p.dim() < 2]
    rest = [p for p in model.parameters() if p.dim() >= 2]
    return [{'params': rest, 'weight_decay': decay}, {'params': plain, 'weight_decay': 0.0}]


def parse_args():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--out', default='training/runs/segmenter')
    p.add_argument('--resume', action='store_true', help='go on from OUT/checkpoint.pt')
    p.add_argument('--init', metavar='FILE', help='start from exported weights')
    p.add_argument('--minutes', type=float, default=1e9, help='stop after so many minutes')
    p.add_argument('--steps', type=int, default=3200)
    p.add_argument('--image-steps', type=int, default=600, help='steps of pictures only')
    p.add_argument('--pictures', type=float, default=0.45, help='share of picture steps later on')
    p.add_argument('--clips', type=int, default=2, help='clips in a video step of 6 frames')
    p.add_argument('--images', type=int, default=4, help='pictures in a picture step')
    p.add_argument('--repeat', type=int, default=3, help='prompts per object in a picture step')
    p.add_argument('--lr', type=float, default=2e-3)
    p.add_argument('--warmup', type=int, default=60)
    p.add_argument('--flat', type=float, default=0.3)
    p.add_argument('--decay', type=float, default=0.01)
    p.add_argument('--margin', type=float, default=0.0, help='of the mask loss, in logits')
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--threads', type=int, default=1)
    p.add_argument('--device', default='cpu')
    p.add_argument('--validate-every', type=float, default=5, help='minutes')
    p.add_argument('--export', help='only write config.json and model.safetensors here')
    p.add_argument('--bf16', action='store_true', help='export bfloat16 weights')
    p.add_argument('--evaluate', type=int, metavar='CLIPS', help='only measure the checkpoint')
    p.add_argument('--split', default='validation')
    return p.parse_args()


def one_step(model, extra, args, step):
    rng = np.random.default_rng([args.seed, 7, step])
    balance = 0.2 * max(0.0, 1 - step / args.image_steps) if args.image_steps else 0.0
    seed = step * 16 + args.seed * 10 ** 7
    if step < args.image_steps or rng.random() < args.pictures:
        return image_step(model, extra, rng, range(seed, seed + args.images), args.repeat,
                          balance, args.margin)
    length, clips = [(4, args.clips + 1), (6, args.clips), (10, max(1, args.clips - 1))][
        rng.choice(3, p=[0.35, 0.45, 0.2])]
    return video_step(model, extra, rng, range(seed, seed + clips), length, balance,
                      args.margin)


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    model = Segmenter(make_config()).to(args.device)
    average = copy.deepcopy(model)
    for p in average.parameters():
        p.requires_grad_(False)
    # Finished weights no longer need the read-outs, and fresh ones would disturb them.
    extra = Auxiliary(model, share=0.0 if args.init else 1.0).to(args.device)
    both = nn.ModuleList([model, extra])
    optimizer = torch.optim.AdamW(groups(both, args.decay), lr=args.lr, betas=(0.9, 0.95),
                                  eps=1e-6)
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, 'checkpoint.pt')
    step, trained = 0, 0.0
    if args.resume or args.export or args.evaluate:
        state = torch.load(path, map_location=args.device)
        model.load_state_dict(state['model'])
        extra.load_state_dict(state['auxiliary'])
        average.load_state_dict(state['average'])
        optimizer.load_state_dict(state['optimizer'])
        step, trained = state['step'], state['seconds']
    elif args.init:
        from safetensors.torch import load_file
        weights = {k: v.float() for k, v in load_file(args.init).items()}
        model.load_state_dict(weights)
        average.load_state_dict(weights)
    if args.export:
        export(average, args.export, args.bf16)
    if args.evaluate:
        print(json.dumps({'step': step, **evaluate(average, args.evaluate, split=args.split)}))
    if args.export or args.evaluate:
        return

    def log(record):
        line = json.dumps(record)
        print(line, flush=True)
        with open(os.path.join(args.out, 'log.jsonl'), 'a') as f:
            f.write(line + '\n')

    def save():
        torch.save({'model': model.state_dict(), 'average': average.state_dict(), 'step': step,
                    'auxiliary': extra.state_dict(), 'optimizer': optimizer.state_dict(), 'seconds': trained}, path + '.part')
        os.replace(path + '.part', path)

    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    began = validated = time.time()
    running, spent = {}, time.time()
    while step < args.steps and not stopped and time.time() - began < args.minutes * 60:
        model.train()
        for group in optimizer.param_groups:
            group['lr'] = learning_rate(step, args)
        loss, parts = one_step(model, extra, args, step)
        optimizer.zero_grad(set_to_none=True)
        if not torch.isfinite(loss):
            log({'step': step, 'skipped': 'loss is not finite'})
            step += 1
            continue
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            for a, p in zip(average.parameters(), model.parameters()):
                a.lerp_(p, 1 - keep)
            for a, p in zip(average.buffers(), model.buffers()):
                a.copy_(p)
        for k, v in parts.items():
            running.setdefault(k, []).append(float(v.detach()))
        if step % 50 == 0:
            trained += time.time() - spent
            spent = time.time()
            log({'step': step, 'minutes': round(trained / 60, 2),
                 **{k: round(float(np.mean(v)), 4) for k, v in running.items()}})
            running = {}
        if time.time() - validated > args.validate_every * 60 or step == args.steps:
            save()
            log({'step': step, 'minutes': round(trained / 60, 2), 'lr': learning_rate(step, args),
                 'validation': evaluate(average, 12)})
            validated = spent = time.time()
    trained += time.time() - spent
    save()


if __name__ == '__main__':
    main()
