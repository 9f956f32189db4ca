"""Writes a golden set for the embedded pointer: inputs, and what torch computes from its weights.

    python training/make_fixture.py --weights assets/pointer --out test/fixtures/pointer-embedded

The folder has the common golden format, except that the weights and config.json are not copied:
meta.json says "weights": "assets/pointer", a folder relative to the repository root.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from pointer_model import VideoMolmo, load
from pointer_text import prompt_text
from shapes import generate_clip

# name: seed, size (height, width), frame, sentence or None for the clip's first motion sentence
CASES = {'c0': (3, (96, 128), 8, None), 'c1': (5, (72, 100), 2, 'all shapes'),
         'c2': (6, (80, 80), 0, 'the dog')}
STEPS = 24


@torch.no_grad()
def run_case(model, tokenizer, seed, size, f, sentence):
    clip = generate_clip(seed, 16, size, 'validation')
    if sentence is None:
        sentence = next(q.text for q in clip.queries if q.kind == 'motion')
    real = min(f, 4)
    previous = [np.zeros_like(clip.frames[0])] * (4 - real)
    previous += [clip.frames[f - j] for j in range(1, real + 1)]
    prompt = tokenizer.encode(prompt_text(sentence)).ids
    prefix = model.start(clip.frames[f], previous)
    _, cache = model.run_prefix(prefix)
    frame, ids, rows = torch.zeros(1, dtype=torch.long), [], []
    for _ in range(STEPS):
        x = model.run_suffix(model.embed(torch.tensor([prompt + ids])), cache, frame)
        rows.append(model.logits(x[0, -1]))
        ids.append(int(rows[-1].argmax()))
    logits = torch.stack(rows)
    inputs = {'frame': torch.from_numpy(clip.frames[f].copy()),
              'prev': torch.from_numpy(np.stack(previous)),
              'prompt_ids': torch.tensor(prompt, dtype=torch.int32)}
    expected = {'llm.logits.last': logits[0].clone(), 'gen.logits': logits,
                'gen.ids': torch.tensor(ids, dtype=torch.int32)}
    about = {'width': size[1], 'height': size[0], 'real_previous_frames': real,
             'prompt_tokens': len(prompt), 'sentence': sentence, 'answer': tokenizer.decode(ids)}
    return inputs, expected, about


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--weights', default='assets/pointer')
    parser.add_argument('--out', default='test/fixtures/pointer-embedded')
    args = parser.parse_args()
    torch.set_num_threads(1)
    weights, out = Path(args.weights), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    model = load(VideoMolmo(json.loads((weights / 'config.json').read_text())),
                 weights / 'model.safetensors').eval()
    tokenizer = Tokenizer.from_file(str(weights / 'tokenizer.json'))
    inputs, expected, cases = {}, {}, {}
    for name, case in CASES.items():
        a, b, cases[name] = run_case(model, tokenizer, *case)
        inputs.update({f'{name}.{k}': v for k, v in a.items()})
        expected.update({f'{name}.{k}': v.contiguous() for k, v in b.items()})
    save_file(inputs, str(out / 'inputs.safetensors'))
    save_file(expected, str(out / 'expected.safetensors'))
    meta = {
        'name': 'pointer-embedded',
        'what': 'The embedded pointer: one frame with its previous frames and a sentence per case',
        'reference': 'training/pointer_model.py', 'precision': 'fp32 from bf16 weights, CPU',
        'tolerance': {'llm.logits.last': 1e-4, 'gen.ids': 0, 'gen.logits': 1e-4},
        'weights': 'assets/pointer',
        'notes': ['config.json and model.safetensors are those of the folder in "weights", relative '
                  'to the repository root.',
                  'Tensors are named <case>.<stage>; <case>.prev is in visiting order (black first).',
                  f'gen.*: {STEPS} greedy steps, no stop condition.'],
        'cases': cases}
    (out / 'meta.json').write_text(json.dumps(meta, indent=1) + '\n')
    print(json.dumps(cases, indent=1))


if __name__ == '__main__':
    main()
