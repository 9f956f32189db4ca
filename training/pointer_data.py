"""Training samples of the pointer: crops, dense labels and tokenized questions of one clip."""

import functools

import numpy as np

from pointer_model import resize_matrix, scaled_size
from pointer_text import NONE, answer_text, prompt_text, unrelated, vary
from shapes import (COLORS, DIRECTIONS, POSITIONS, SHAPES, SIZES, Query, generate_clip,
                    motion_phrase, plural)

COLOR_IDS = {name: i for i, name in enumerate(COLORS)}
SHAPE_IDS = {name: i for i, name in enumerate(SHAPES)}
SIZE_IDS = {name: i for i, name in enumerate(SIZES)}
DIRECTION_IDS = {name: i for i, name in enumerate(DIRECTIONS)}
matrix = functools.lru_cache(None)(resize_matrix)
SHORT = 0.75  # share of answers that end before the label in training
WINDOW = 5  # frames encoded per clip, of which ASKED are asked about
ASKED = 1


def boundary_distance(mask):
    """Rows, columns and Euclidean distance to the nearest boundary pixel, for every mask pixel.

    The boundary are the mask's pixels with a 4-neighbour outside the mask or the image.
    """
    ys, xs = np.nonzero(mask)
    y0, x0 = ys.min(), xs.min()
    box = np.pad(mask[y0:ys.max() + 1, x0:xs.max() + 1] > 0, 1)
    inner = box[1:-1, 1:-1] & box[:-2, 1:-1] & box[2:, 1:-1] & box[1:-1, :-2] & box[1:-1, 2:]
    by, bx = np.nonzero(box[1:-1, 1:-1] & ~inner)
    dy = (ys - y0)[:, None] - by[None]
    dx = (xs - x0)[:, None] - bx[None]
    return ys, xs, np.sqrt((dy * dy + dx * dx).min(axis=1).astype(np.float32))


def sample_point(rng, mask, candidates=32):
    """A point (x, y) in percent inside a visible mask.

    Candidates are drawn with probability proportional to the distance to the boundary (eq. 7); of
    these the deepest is kept, which stands in for the choice by mask quality (eq. 8).
    """
    ys, xs, distance = boundary_distance(mask)
    total = float(distance.sum())
    p = distance / total if total > 0 else None
    picks = rng.choice(len(ys), size=candidates, p=p)
    best = picks[int(np.argmax(distance[picks]))]
    h, w = mask.shape
    return (xs[best] + 0.5) / w * 100, (ys[best] + 0.5) / h * 100


def crops_of(frames, side):
    """uint8 [T, h, w, 3] to uint8 [T, side, side, 3]: section "resize and pad", then quantised."""
    h, w = frames.shape[1:3]
    new_h, new_w = scaled_size(h, w, side, side)
    x = np.matmul(matrix(h, new_h), frames.reshape(len(frames), h, w * 3).astype(np.float32))
    x = np.ascontiguousarray(x.reshape(-1, w, 3).transpose(0, 2, 1)).reshape(-1, w)
    x = np.dot(x, matrix(w, new_w).T).reshape(-1, 3, new_w).transpose(0, 2, 1)
    x = x.reshape(len(frames), new_h, new_w, 3)
    out = np.zeros((len(frames), side, side, 3), np.uint8)
    top, left = (side - new_h) // 2, (side - new_w) // 2
    out[:, top:top + new_h, left:left + new_w] = np.clip(x + 0.5, 0, 255)
    return out


def coverage_of(masks, side, grid):
    """Visible share of every grid cell, [N, T, h, w] to float32 [N, T, grid, grid]."""
    n, t, h, w = masks.shape
    new_h, new_w = scaled_size(h, w, side, side)

    def pool(length, new):
        full = np.zeros((side, length), np.float32)
        start = (side - new) // 2
        full[start:start + new] = matrix(length, new)
        return full.reshape(grid, side // grid, length).mean(1)

    x = np.dot(masks.reshape(-1, w).astype(np.float32), np.ascontiguousarray(pool(w, new_w).T))
    return np.matmul(pool(h, new_h), x.reshape(n * t, h, grid)).reshape(n, t, grid, grid)


def dense_labels(clip, frames, side, grid):
    """Per patch and per pooled cell of a clip drawn at `frames`: which object owns it and what that object is like.

    Labels are int8 with -1 for background; `place` is the owner's visible centroid in percent / 100
    of the frame, `offset` the way from the cell to the owner's centre in cells, `fill` the owner's
    mask inside the patch as 4 x 4 bits (any object's mask where nobody owns the patch).
    """
    masks = clip.masks
    n, t, h, w = masks.shape
    scale = min(side / h, side / w)
    pad = np.array([(side - h * scale) / 2, (side - w * scale) / 2])
    table = np.array([[COLOR_IDS[o.color], SHAPE_IDS[o.shape], SIZE_IDS[o.size],
                       DIRECTION_IDS[o.direction]] for o in clip.objects] + [[-1] * 4], np.int8)
    area = np.maximum(masks.sum((2, 3)), 1)
    place = np.stack([(masks.sum(2) * (np.arange(w) + 0.5)).sum(-1) / area / w,
                      (masks.sum(3) * (np.arange(h) + 0.5)).sum(-1) / area / h], -1)
    centers = np.stack([o.centers[frames] for o in clip.objects]) * scale + pad  # [N, T, 2]
    fine = coverage_of(masks, side, grid)
    out = {}
    for name, share, least, size in (
            ('patch', fine, 0.3, side / grid),
            ('cell', fine.reshape(n, t, grid // 2, 2, grid // 2, 2).mean((3, 5)), 0.12,
             2 * side / grid)):
        g = share.shape[-1]
        owner = np.where(share.max(0) > least, share.argmax(0), -1)  # [T, g, g]
        out[f'{name}_look'] = table[owner]
        out[f'{name}_owner'] = owner.astype(np.int8)
        axis = (np.arange(g) + 0.5) * size
        times = np.arange(t)[:, None, None]
        delta = centers[owner, times] - np.stack(np.meshgrid(axis, axis, indexing='ij'), -1)[None]
        out[f'{name}_offset'] = (delta / size).astype(np.float32)
        out[f'{name}_place'] = place[owner, times].astype(np.float32)
    sub = coverage_of(masks, side, grid * 4).reshape(n, t, grid, 4, grid, 4).transpose(0, 1, 2, 4, 3, 5)
    owner = out['patch_owner']
    mine = sub[owner, np.arange(t)[:, None, None], np.arange(grid)[:, None], np.arange(grid)]
    fill = np.where((owner >= 0)[..., None, None], mine, sub.sum(0))
    out['patch_fill'] = (fill.reshape(t, grid, grid, 16) > 0.5).astype(np.uint8)
    return out


def token_weights(tokens):
    """Loss weights of an answer's tokens: what has to be seen counts, the fixed grammar less."""
    weights, label = [], False
    for i, token in enumerate(tokens):
        last = tokens[i - 1] if i else ''
        label = label or token == 'Ġalt'
        if i < 2 or token in ('Ġx', 'Ġalt'):
            weights.append(2.0 if i == 0 else 1.0)
        elif token.isdigit():
            weights.append(0.3 if last == '.' else 0.1 if last in ('Ġx', 'Ġy') else 1.0)
        else:
            weights.append(0.3 if label else 0.1)
    return weights


ALL, NOTHING = -2, -1


def watched_objects(tokens, order):
    """Per answer token the object it is about: an id, ALL of them (the start) or NOTHING.

    `order` are the ids in the order of the answer's points.
    """
    watched, point, inside = [], -1, False
    for i, token in enumerate(tokens):
        if token == 'Ġx':
            point, inside = point + 1, True
        elif token == 'Ġalt':
            inside = False
        watched.append(order[point] if inside else ALL if order and i < 2 else NOTHING)
    return watched


def meaning_of(sentence):
    """What the words of a sentence say: ids of colour, shape, size, direction and place, 0 for none."""
    text = sentence.lower()
    words = text.replace('?', ' ').replace('.', ' ').split()

    def find(names, test):
        return next((i for i, name in enumerate(names, 1) if test(name)), 0)

    return [find(COLORS, lambda c: c in words),
            find(SHAPES, lambda s: s in words or plural(s) in words),
            find(SIZES, lambda s: s in words),
            find(DIRECTIONS, lambda d: motion_phrase(d) in text),
            find(POSITIONS, lambda p: POSITIONS[p] in text)]


def choose_frames(rng, total):
    """The WINDOW consecutive frames to encode and which of them (positions) are asked about."""
    if rng.random() < 0.3:
        start = 0
        asked = sorted(rng.choice(WINDOW, ASKED, replace=False).tolist())
    else:
        start = int(rng.integers(1, total - WINDOW + 1))
        asked = list(range(WINDOW - ASKED, WINDOW))
    return start, asked


KIND_WEIGHTS = {'color': 1.0, 'shape': 0.7, 'color_shape': 1.2, 'size': 1.0, 'position': 1.1,
                'motion': 1.5, 'plural': 2.0, 'motion_plural': 1.4, 'absent': 1.4}


def make_sample(seed, config, tokenizer, per_frame=6, split='train', vision_only=False):
    """One clip's training sample (a dict of arrays and lists); None if the clip is empty."""
    rng = np.random.default_rng([77, seed])
    if vision_only:
        frames, asked = np.sort(rng.choice(16, 3, replace=False)), []
    else:
        start, asked = choose_frames(rng, 16)
        frames = np.arange(start, start + WINDOW)
    clip = generate_clip(seed, 16, split=split, per_kind=3, only=frames)
    if not clip.objects:
        return None
    side = config['preprocessor']['base_image_input_size'][0]
    grid = side // config['preprocessor']['image_patch_size']
    sample = {'first': int(frames[0]), 'asked': asked, 'crops': crops_of(clip.frames, side)}
    sample.update(dense_labels(clip, frames, side, grid))
    sample['texts'] = []
    for position in asked:
        f = int(frames[position])
        points = {}
        weights = np.array([KIND_WEIGHTS[q.kind] for q in clip.queries])
        count = min(per_frame, len(clip.queries))
        picks = rng.choice(len(clip.queries), count, replace=False, p=weights / weights.sum())
        for i in picks:
            query = clip.queries[i]
            if rng.random() < 0.03:
                query = Query(unrelated(rng), 'absent', [])
            ids = query.object_ids
            if query.motion and f == 0:
                ids = []
            for o in ids:
                if o not in points:
                    points[o] = sample_point(rng, clip.masks[o, position])
            order = sorted(ids, key=lambda o: tuple(round(float(v), 1) for v in points[o]))
            sentence, label = vary(rng, query)
            answer = answer_text([points[o] for o in ids], label) if ids else NONE
            prompt = tokenizer.encode(prompt_text(sentence)).ids
            encoded = tokenizer.encode(answer)
            answer_ids = encoded.ids + [config['preprocessor']['eos_token_id']]
            weights = token_weights(encoded.tokens) + [0.2]
            if ids and rng.random() < SHORT:
                # The label only repeats the question; leaving it out mostly saves a third.
                cut = encoded.tokens.index('Ġalt') + 1
                answer_ids, weights = answer_ids[:cut], weights[:cut]
            watched = watched_objects(encoded.tokens, order)[:len(answer_ids)]
            sample['texts'].append((position, prompt, answer_ids, weights, ids, watched,
                                    meaning_of(sentence)))
    return sample
