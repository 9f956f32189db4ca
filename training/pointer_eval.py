"""Point precision, recall and counting of a pointer on procedural clips (greedy decoding).

    python training/pointer_eval.py --weights assets/pointer --split eval --count 60
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from pointer_model import VideoMolmo, load, preprocess
from pointer_text import parse_points, prompt_text
from shapes import generate_clip


def score(points, masks):
    """(hits, points, targets): a point counts when it lies in the mask of an object not yet hit."""
    h, w = masks.shape[-2:] if len(masks) else (1, 1)
    free, hits = set(range(len(masks))), 0
    for x, y in points:
        px, py = int(x / 100 * w), int(y / 100 * h)
        for o in sorted(free):
            if 0 <= px < w and 0 <= py < h and masks[o, py, px]:
                free.remove(o)
                hits += 1
                break
    return hits, len(points), len(masks)


@torch.no_grad()
def evaluate(model, tokenizer, split='validation', count=24, frames=(6, 12), per_kind=1,
             black=False):
    """Totals per kind: [hits, points, targets, exact counts, queries]; black: no previous frames."""
    model.eval()
    config, device = model.config, model.rope_cos.device
    totals = defaultdict(lambda: np.zeros(5))
    black_mean = None
    for seed in range(count):
        clip = generate_clip(seed, 16, split=split, per_kind=per_kind)
        if black and not any(q.motion for q in clip.queries):
            continue
        wanted = sorted({f - j for f in frames for j in range(5) if f >= j})
        crops, encoded = [], {}
        for f in wanted:
            data, tokens, index = preprocess(clip.frames[f], config)
            crops.append(data[:1])
        features = model.encode(torch.from_numpy(np.concatenate(crops)).to(device))
        encoded = {f: features[i:i + 1] for i, f in enumerate(wanted)}
        if black_mean is None:
            empty = preprocess(np.zeros_like(clip.frames[0]), config)[0][:1]
            black_mean = model.encode(torch.from_numpy(empty).to(device))
        means = []
        for f in frames:
            previous = [black_mean] * 4 if black else \
                [black_mean] * (4 - min(f, 4)) + [encoded[f - j] for j in range(1, min(f, 4) + 1)]
            means.append(model.previous_mean(previous))
        cells = model.project(torch.cat([encoded[f] for f in frames]), torch.cat(means))
        cells = torch.cat([cells, cells], 1)  # one tile: the second crop equals the first
        prefix = model.image_prefix(torch.from_numpy(tokens).to(device),
                                    torch.from_numpy(index.reshape(-1)).to(device), cells)
        _, cache = model.run_prefix(prefix)
        jobs = [(i, q) for i in range(len(frames)) for q in clip.queries
                if not (black and not q.motion)]
        prompts = [tokenizer.encode(prompt_text(q.text)).ids for _, q in jobs]
        answers = model.generate(cache, [i for i, _ in jobs], prompts)
        for (i, q), ids in zip(jobs, answers):
            points = parse_points(tokenizer.decode(ids))
            targets = [] if q.motion and frames[i] == 0 else q.object_ids
            hits, said, true = score(points, clip.masks[targets, frames[i]])
            totals[q.kind] += (hits, said, true, said == true, 1)
    model.train()
    return dict(totals)


def summary(totals):
    def figures(rows):
        hits, said, true, exact, queries = rows
        precision, recall = hits / max(said, 1), hits / max(true, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        return {'precision': round(precision, 3), 'recall': round(recall, 3), 'f1': round(f1, 3),
                'count_exact': round(exact / max(queries, 1), 3), 'queries': int(queries)}

    out = {kind: figures(rows) for kind, rows in sorted(totals.items())}
    out['all'] = figures(sum(totals.values()))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--weights', default='assets/pointer')
    parser.add_argument('--split', default='eval')
    parser.add_argument('--count', type=int, default=60)
    parser.add_argument('--frames', type=int, nargs='+', default=[5, 10, 15])
    args = parser.parse_args()
    from tokenizers import Tokenizer
    folder = Path(args.weights)
    model = load(VideoMolmo(json.loads((folder / 'config.json').read_text())),
                 folder / 'model.safetensors')
    tokenizer = Tokenizer.from_file(str(folder / 'tokenizer.json'))
    for name, black in (('with previous frames', False), ('black previous frames', True)):
        print(name)
        result = evaluate(model, tokenizer, args.split, args.count, args.frames, black=black)
        for kind, row in summary(result).items():
            print(f'  {kind:14s}', json.dumps(row))


if __name__ == '__main__':
    main()
