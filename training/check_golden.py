"""Compares pointer_model.py with a golden set: python training/check_golden.py DIR [WEIGHTS_DIR]."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from pointer_model import VideoMolmo, load


def check(folder, weights=None):
    folder = Path(folder)
    weights = Path(weights or folder)
    config = json.loads((weights / 'config.json').read_text())
    meta = json.loads((folder / 'meta.json').read_text())
    model = load(VideoMolmo(config), weights / 'model.safetensors').eval()
    inputs = load_file(str(folder / 'inputs.safetensors'))
    expected = load_file(str(folder / 'expected.safetensors'))
    worst = 0.0
    for case in meta['cases']:
        frame = inputs[f'{case}.frame'].numpy()
        previous = [p.numpy() for p in inputs[f'{case}.prev']]
        prompt = inputs[f'{case}.prompt_ids'].tolist()
        ids = expected[f'{case}.gen.ids'].tolist()
        with torch.no_grad():
            prefix, cache = model.run_prefix(model.start(frame, previous))
            text = torch.tensor([prompt + ids[:-1]])
            x = model.run_suffix(model.embed(text), cache, torch.zeros(1, dtype=torch.long))
            logits = model.logits(x[0, len(prompt) - 1:])
        want = expected[f'{case}.gen.logits']
        error = float((logits - want).norm() / want.norm())
        same = logits.argmax(-1).tolist() == ids
        print(f'{case}: gen.logits rel L2 {error:.2e}, greedy ids {"equal" if same else "DIFFER"}')
        worst = max(worst, error if same else 1.0)
    return worst


if __name__ == '__main__':
    sys.exit(0 if check(*sys.argv[1:3]) < 1e-4 else 1)
