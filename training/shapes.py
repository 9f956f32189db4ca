"""Procedural clips of drawn shapes with sentences and exact masks (numpy only).

A clip is a pure function of (split, seed, frames, size): shapes move at a constant velocity over a
textured background, later shapes hide earlier ones, and every sentence names a set of objects that
does not change within the clip. All random numbers come from one generator seeded with
(split number, seed), so the splits never share a clip whatever seeds are used.
"""

from dataclasses import dataclass, field

import numpy as np

SPLITS = {'train': 0, 'validation': 1, 'eval': 2, 'demo': 3}
SHAPES = ('circle', 'square', 'triangle', 'star', 'cross', 'diamond')
COLORS = {
    'red': (215, 35, 40),
    'green': (45, 165, 60),
    'blue': (40, 75, 220),
    'yellow': (240, 215, 45),
    'purple': (140, 50, 175),
    'orange': (245, 135, 25),
    'cyan': (50, 205, 220),
    'white': (243, 243, 243),
}
# Diameter range as a fraction of the frame's short side.
SIZES = {'small': (0.17, 0.21), 'large': (0.31, 0.38)}
DIRECTIONS = {'left': (0.0, -1.0), 'right': (0.0, 1.0), 'up': (-1.0, 0.0), 'down': (1.0, 0.0),
              'still': (0.0, 0.0)}
POSITIONS = {'left': 'on the left', 'right': 'on the right', 'top': 'at the top',
             'bottom': 'at the bottom'}
# (height, width) in pixels; short side 128..192, aspect 1:1 and 4:3..16:9, a few upright.
FRAME_SIZES = ((128, 176), (144, 192), (144, 224), (144, 256), (160, 208), (128, 216), (160, 240),
               (192, 256), (136, 240), (168, 224), (160, 160), (192, 144), (216, 136))


@dataclass
class Object:
    """One shape. Centres are in pixels, (row, column), one per frame."""

    id: int
    shape: str
    color: str
    size: str
    direction: str
    radius: float
    velocity: tuple  # pixels per frame, (row, column)
    centers: np.ndarray = field(repr=False)  # [T, 2] float


@dataclass
class Query:
    """A sentence and the objects it names. An empty list means nothing in the clip fits.

    `motion` says that the answer needs more than one frame, so it cannot be given for frame 0.
    """

    text: str
    kind: str
    object_ids: list
    motion: bool = False


@dataclass
class Clip:
    """frames uint8 [T, H, W, 3]; masks uint8 0/1 [N, T, H, W] of visible pixels, disjoint in N."""

    frames: np.ndarray
    masks: np.ndarray
    objects: list
    queries: list
    seed: int
    split: str


def signed_distance(shape, y, x, r):
    """Approximate signed distance (pixels, positive inside) to a shape of circumradius about r."""
    if shape == 'circle':
        return r * 0.92 - np.sqrt(x * x + y * y)
    if shape == 'square':
        return r * 0.82 - np.maximum(np.abs(x), np.abs(y))
    if shape == 'diamond':
        return (r * 1.08 - np.abs(x) * 1.25 - np.abs(y)) / 1.6
    if shape == 'triangle':
        h = r * 0.55
        side = 0.866 * np.abs(x) - 0.5 * (y - h)
        return np.minimum(h + r * 0.27 - y, r * 0.87 - side - 0.5 * h)
    if shape == 'cross':
        a, b = r * 0.97, r * 0.33
        bar_x = np.minimum(a - np.abs(x), b - np.abs(y))
        bar_y = np.minimum(b - np.abs(x), a - np.abs(y))
        return np.maximum(bar_x, bar_y)
    if shape == 'star':
        # Fold into one half sector; the edge runs from the tip (1.08 r) to the notch (0.46 r).
        angle = np.arctan2(x, -y)
        sector = 2 * np.pi / 5
        angle = np.abs((angle + sector / 2) % sector - sector / 2)
        rho = np.sqrt(x * x + y * y)
        u, v = rho * np.cos(angle), rho * np.sin(angle)
        tip = np.array([1.08 * r, 0.0])
        notch = 0.46 * r * np.array([np.cos(sector / 2), np.sin(sector / 2)])
        edge = notch - tip
        normal = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
        return -((u - tip[0]) * normal[0] + (v - tip[1]) * normal[1])
    raise ValueError(f'unknown shape {shape!r}')


_NOISE = np.random.default_rng(12345).standard_normal((320, 320, 3)).astype(np.float32)


def _upsample(grid, h, w):
    """Bilinear upsampling of a coarse [gh, gw, C] grid to [h, w, C]."""
    gh, gw = grid.shape[:2]
    y = np.linspace(0, gh - 1, h)
    x = np.linspace(0, gw - 1, w)
    y0 = np.minimum(y.astype(int), gh - 2)
    x0 = np.minimum(x.astype(int), gw - 2)
    fy = (y - y0)[:, None, None]
    fx = (x - x0)[None, :, None]
    rows = grid[y0] * (1 - fy) + grid[y0 + 1] * fy
    return (rows[:, x0] * (1 - fx) + rows[:, x0 + 1] * fx).astype(np.float32)


def _background(rng, h, w):
    """A muted texture [h, w, 3] float32: blobs, stripes, checks or a gradient, plus fine grain."""
    base = rng.uniform(35, 130)
    tint = base + rng.uniform(-16, 16, 3)
    kind = rng.integers(4)
    image = np.empty((h, w, 3), np.float32)
    image[:] = tint
    contrast = rng.uniform(5, 20)
    if kind == 0:
        grid = rng.standard_normal((int(rng.integers(3, 12)), int(rng.integers(3, 12)), 1))
        image += contrast * _upsample(grid, h, w)
    elif kind == 1:
        angle, period = rng.uniform(0, np.pi), rng.uniform(8, 40)
        ramp = np.arange(h)[:, None] * np.sin(angle) + np.arange(w)[None] * np.cos(angle)
        image += contrast * np.sin(2 * np.pi * ramp / period)[..., None].astype(np.float32)
    elif kind == 2:
        cell = int(rng.integers(8, 40))
        check = (np.arange(h)[:, None] // cell + np.arange(w)[None] // cell) % 2
        image += contrast * (check[..., None] * 2.0 - 1.0).astype(np.float32)
    else:
        grid = rng.standard_normal((2, 2, 3))
        image += contrast * _upsample(grid, h, w)
    image += rng.uniform(1, 6) * _noise(rng, h, w)
    return image


def _noise(rng, h, w):
    oy, ox = rng.integers(_NOISE.shape[0] - h), rng.integers(_NOISE.shape[1] - w)
    return _NOISE[oy:oy + h, ox:ox + w]


def _choose_looks(rng, count):
    """(shape, color, size, direction) per object; lookalikes that move differently are common."""
    names = list(COLORS)
    directions = list(DIRECTIONS)

    def direction():
        return str(rng.choice(directions, p=(0.21, 0.21, 0.17, 0.17, 0.24)))

    shape_pool = rng.choice(SHAPES, size=int(rng.integers(2, 5)), replace=False)
    color_pool = rng.choice(names, size=int(rng.integers(2, 5)), replace=False)
    looks = []
    while len(looks) < count:
        shape, color = str(rng.choice(shape_pool)), str(rng.choice(color_pool))
        size = str(rng.choice(('small', 'large'), p=(0.55, 0.45)))
        first = direction()
        looks.append((shape, color, size, first))
        if len(looks) < count and rng.random() < 0.45:
            other = direction()
            while other == first:
                other = direction()
            if rng.random() < 0.3:
                size = 'large' if size == 'small' else 'small'
            looks.append((shape, color, size, other))
    order = rng.permutation(count)
    return [looks[i] for i in order]


def _place(rng, looks, frames, h, w):
    """Straight paths whose discs never come closer than 0.62 of touching, so all stay visible."""
    side = min(h, w)
    time = np.arange(frames)[:, None]
    objects = []
    for shape, color, size, direction in looks:
        radius = side * rng.uniform(*SIZES[size]) / 2
        tries = 60
        step = np.array(DIRECTIONS[direction])
        room = np.array([h, w], float) - 1.7 * radius
        speed = side * rng.uniform(0.02, 0.042, tries)
        if direction != 'still':
            along = float(np.abs(step) @ room)
            speed = np.minimum(speed, 0.9 * along / max(frames - 1, 1))
        velocity = speed[:, None] * step
        drift = np.abs(step[::-1]) * rng.uniform(-0.12, 0.12, (tries, 1)) * speed[:, None]
        velocity = velocity + drift
        travel = velocity * (frames - 1)
        low = 0.85 * radius + np.maximum(-travel, 0)
        high = np.array([h, w]) - 0.85 * radius - np.maximum(travel, 0)
        start = low + rng.random((tries, 2)) * np.maximum(high - low, 0)
        paths = start[:, None] + velocity[:, None] * time[None]  # [tries, T, 2]
        gap = np.full(tries, np.inf)
        for other in objects:
            distance = np.linalg.norm(paths - other.centers[None], axis=-1).min(axis=1)
            gap = np.minimum(gap, distance / (radius + other.radius))
        good = np.flatnonzero(gap >= 0.62)
        if len(good) == 0:
            continue
        pick = good[0]
        objects.append(Object(len(objects), shape, color, size, direction, float(radius),
                              tuple(float(v) for v in velocity[pick]), paths[pick]))
    return objects


def _render(rng, objects, times, h, w):
    frames = len(times)
    canvas = np.repeat(_background(rng, h, w)[None], frames, axis=0)
    masks = np.zeros((len(objects), frames, h, w), np.uint8)
    for o in objects:
        color = np.array(COLORS[o.color], np.float32) + rng.uniform(-12, 12, 3).astype(np.float32)
        half = int(np.ceil(o.radius * 1.12)) + 2
        offsets = np.arange(-half, half + 1)
        origin = np.floor(o.centers[times]).astype(int)
        part = o.centers[times] - origin
        y = offsets[None, :, None] - part[:, 0, None, None]
        x = offsets[None, None, :] - part[:, 1, None, None]
        inside = signed_distance(o.shape, y, x, o.radius)
        alpha = np.clip(inside + 0.5, 0, 1).astype(np.float32)
        shade = 1 - rng.uniform(0, 0.12) * (y / o.radius)[..., None].astype(np.float32)
        for t in range(frames):
            top, left = origin[t] - half
            ys = slice(max(top, 0), min(top + 2 * half + 1, h))
            xs = slice(max(left, 0), min(left + 2 * half + 1, w))
            if ys.start >= ys.stop or xs.start >= xs.stop:
                continue
            cut = (slice(ys.start - top, ys.stop - top), slice(xs.start - left, xs.stop - left))
            a = alpha[t][cut]
            region = canvas[t, ys, xs]
            region += a[..., None] * (color * shade[t][cut[0]] - region)
            visible = a > 0.5
            masks[:o.id, t, ys, xs] *= ~visible
            masks[o.id, t, ys, xs] = visible
    strength = rng.uniform(0.5, 4)
    for t in range(frames):
        canvas[t] += strength * _noise(rng, h, w)
    np.clip(canvas, 0, 255, out=canvas)
    return (canvas + 0.5).astype(np.uint8), masks


def plural(shape):
    return shape + ('es' if shape.endswith('s') else 's')


def noun(color, shape, many=False):
    word = shape or 'shape'
    return ' '.join(filter(None, (color, plural(word) if many else word)))


def motion_phrase(direction):
    return 'standing still' if direction == 'still' else f'moving {direction}'


def _halves(objects, h, w):
    """For every object the set of frame halves it stays in with a margin, over all frames."""
    result = []
    for o in objects:
        y, x = o.centers[:, 0] / h, o.centers[:, 1] / w
        result.append({name for name, test in (
            ('left', (x < 0.45).all()), ('right', (x > 0.55).all()),
            ('top', (y < 0.45).all()), ('bottom', (y > 0.55).all())) if test})
    return result


def make_queries(rng, objects, h, w, per_kind=2):
    """Up to `per_kind` sentences of each kind; each names the same objects in every frame."""
    by_kind = {kind: {} for kind in KINDS}

    def ids(test):
        return [o.id for o in objects if test(o)]

    def add(kind, text, found, motion=False):
        by_kind[kind].setdefault(text, Query(text, kind, found, motion))

    halves = _halves(objects, h, w)
    looks = {(c, s) for o in objects for c in (o.color, None) for s in (o.shape, None)}
    for color, shape in sorted(looks, key=str):
        name, names = noun(color, shape), noun(color, shape, True)

        def fits(o, color=color, shape=shape):
            return color in (None, o.color) and shape in (None, o.shape)

        found = ids(fits)
        if len(found) == 1 and (color or shape):
            kind = 'color_shape' if color and shape else 'color' if color else 'shape'
            add(kind, f'the {name}', found)
        if len(found) > 1 or rng.random() < 0.15:
            add('plural', f'all {names}', found)
        for size in SIZES:
            sized = ids(lambda o: fits(o) and o.size == size)
            if len(sized) == 1:
                add('size', f'the {size} {name}', sized)
            elif len(sized) > 1:
                add('plural', f'all {size} {names}', sized)
            elif rng.random() < 0.3:
                add('absent', f'the {size} {name}', [])
        for side, phrase in POSITIONS.items():
            opposite = {'left': 'right', 'right': 'left', 'top': 'bottom', 'bottom': 'top'}[side]
            inside = [i for i in found if side in halves[i]]
            outside = [i for i in found if opposite in halves[i]]
            if len(inside) + len(outside) != len(found):
                continue
            if len(inside) == 1:
                add('position', f'the {name} {phrase}', inside)
            elif not inside and rng.random() < 0.15:
                add('absent', f'the {name} {phrase}', [])
        for direction in DIRECTIONS:
            phrase = motion_phrase(direction)
            moving = ids(lambda o: fits(o) and o.direction == direction)
            # A motion sentence is only asked where the look alone leaves a choice.
            if len(moving) == 1 and len(found) > 1:
                add('motion', f'the {name} {phrase}', moving, True)
            elif len(moving) > 1 and len(moving) < len(found):
                add('motion_plural', f'all {names} {phrase}', moving, True)
            elif not moving and rng.random() < 0.12:
                add('absent', f'the {name} {phrase}', [], True)
    colors = sorted({o.color for o in objects})
    shapes = sorted({o.shape for o in objects})
    present = {(o.color, o.shape) for o in objects}
    for color in COLORS:
        for shape in SHAPES:
            near = (color in colors) + (shape in shapes)
            if (color, shape) not in present and rng.random() < 0.02 + 0.15 * near:
                many = rng.random() < 0.3
                add('absent', ('all ' if many else 'the ') + noun(color, shape, many), [])
        if color not in colors and rng.random() < 0.2:
            add('absent', f'the {color} shape', [])
    for shape in SHAPES:
        if shape not in shapes and rng.random() < 0.3:
            add('absent', f'the {shape}', [])
    chosen = []
    for kind in KINDS:
        pool = list(by_kind[kind].values())
        for i in rng.permutation(len(pool))[:per_kind]:
            chosen.append(pool[i])
    return chosen


KINDS = ('color', 'shape', 'color_shape', 'size', 'position', 'motion', 'plural', 'motion_plural',
         'absent')


def generate_clip(seed, frames=16, size=None, split='train', per_kind=2, only=None):
    """Generates one clip.

    seed: any non-negative integer. frames: number of frames, >= 1. size: (height, width) in pixels,
    each 64..300, or None for a random entry of FRAME_SIZES. split: a key of SPLITS. per_kind: how
    many sentences of each kind at most. only: the frame numbers to draw (default all), to save time;
    grain and choice of sentences then differ from the fully drawn clip's. Raises ValueError for values outside these ranges.
    """
    if split not in SPLITS:
        raise ValueError(f'split must be one of {sorted(SPLITS)}, got {split!r}')
    if seed < 0 or frames < 1:
        raise ValueError(f'seed must be >= 0 and frames >= 1, got {seed} and {frames}')
    rng = np.random.default_rng([SPLITS[split], seed])
    h, w = FRAME_SIZES[rng.integers(len(FRAME_SIZES))] if size is None else size
    if not (64 <= h <= 300 and 64 <= w <= 300):
        raise ValueError(f'size must lie in 64..300, got {h} x {w}')
    count = int(rng.choice((2, 3, 4, 5, 6), p=(0.15, 0.25, 0.3, 0.2, 0.1)))
    objects = _place(rng, _choose_looks(rng, count), frames, h, w)
    times = np.arange(frames) if only is None else np.asarray(only)
    images, masks = _render(rng, objects, times, h, w)
    return Clip(images, masks, objects, make_queries(rng, objects, h, w, per_kind), seed, split)
