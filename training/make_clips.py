"""Writes procedural clips to disk; training/README.md documents the layout.

    python training/make_clips.py --split eval --count 60 --out clips/eval
"""

import argparse
import json
import struct
import zlib
from pathlib import Path

import numpy as np

import shapes

# Palette of the truth PNGs: black for the background, then one colour per object id + 1.
PALETTE = [(0, 0, 0), (230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48),
           (145, 30, 180), (70, 240, 240), (240, 50, 230)]


def _chunk(name, data):
    body = name + data
    return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))


def png_bytes(image, palette=None):
    """PNG of uint8 [H, W, 3] (RGB) or, with a palette, of uint8 [H, W] palette indices."""
    h, w = image.shape[:2]
    color_type = 2 if palette is None else 3
    rows = image.reshape(h, -1)
    if palette is None:
        # The "up" filter halves the size of smooth backgrounds.
        before = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
        lines = np.hstack([np.full((h, 1), 2, np.uint8), rows - before])
    else:
        lines = np.hstack([np.zeros((h, 1), np.uint8), rows])
    out = b'\x89PNG\r\n\x1a\n' + _chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, color_type, 0, 0, 0))
    if palette is not None:
        out += _chunk(b'PLTE', bytes(v for rgb in palette for v in rgb))
    return out + _chunk(b'IDAT', zlib.compress(lines.tobytes(), 6)) + _chunk(b'IEND', b'')


def describe(clip):
    """The contents of clip.json."""
    frames, h, w = clip.frames.shape[:3]
    return {
        'width': w, 'height': h, 'frames': frames, 'split': clip.split, 'seed': clip.seed,
        'objects': [{
            'id': o.id, 'shape': o.shape, 'color': o.color, 'size': o.size,
            'direction': o.direction, 'radius': round(o.radius, 2),
            'velocity': {'x': round(o.velocity[1], 3), 'y': round(o.velocity[0], 3)},
            'centers': [[round(float(x), 2), round(float(y), 2)] for y, x in o.centers],
        } for o in clip.objects],
        'queries': [{'text': q.text, 'kind': q.kind, 'objects': q.object_ids, 'motion': q.motion}
                    for q in clip.queries],
    }


def write_clip(clip, folder):
    folder = Path(folder)
    (folder / 'frames').mkdir(parents=True, exist_ok=True)
    (folder / 'truth').mkdir(exist_ok=True)
    for t, frame in enumerate(clip.frames):
        index = np.zeros(frame.shape[:2], np.uint8)
        for o in clip.objects:
            index[clip.masks[o.id, t] > 0] = o.id + 1
        (folder / 'frames' / f'{t:05d}.png').write_bytes(png_bytes(frame))
        (folder / 'truth' / f'{t:05d}.png').write_bytes(png_bytes(index, PALETTE))
    (folder / 'clip.json').write_text(json.dumps(describe(clip), indent=1) + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--split', default='eval', choices=sorted(shapes.SPLITS))
    parser.add_argument('--count', type=int, default=60)
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--frames', type=int, default=16)
    parser.add_argument('--size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'))
    parser.add_argument('--per-kind', type=int, default=1)
    parser.add_argument('--out', required=True)
    args = parser.parse_args()
    size = tuple(args.size) if args.size else None
    for i in range(args.count):
        seed = args.first_seed + i
        clip = shapes.generate_clip(seed, args.frames, size, args.split, args.per_kind)
        write_clip(clip, Path(args.out) / f'{args.split}-{seed:05d}')


if __name__ == '__main__':
    main()
