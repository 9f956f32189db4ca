"""Trains the embedded pointer from scratch; resumable.

    python training/train_pointer.py --out runs/pointer --minutes 100
    python training/train_pointer.py --out runs/pointer --minutes 10 --resume
    python training/train_pointer.py --out runs/pointer --export assets/pointer

Two stages. "vision": the ViT alone learns dense labels (colour, shape, size, offset to the centre).
"all": everything learns to answer; the dense losses go on, also behind the projector, where the
direction of motion is added. The auxiliary heads are dropped at export.
"""

import argparse
import json
import math
import multiprocessing as mp
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import pointer_config
from pointer_data import ALL, NOTHING, WINDOW, make_sample
from pointer_eval import evaluate, summary
from pointer_model import VideoMolmo, preprocess
from pointer_text import build_tokenizer, tokenizer_config
from shapes import COLORS, DIRECTIONS, POSITIONS, SHAPES, SIZES

# Learning rates per component (stage "all"); the paper fine-tunes and uses far smaller ones.
PARTS = ('vision', 'connector', 'language')
RATES = (8e-4, 1e-3, 1e-3)

PLACE_BINS = 20  # per axis, for the auxiliary heads: digits are easily read from bins
WATCHED_BLOCK = 2  # its first two heads are guided by guidance_loss


def place_loss(logits, place):
    """Cross-entropy of x and y in bins; a place between two bin centres is shared by both.

    logits [M, 2 * PLACE_BINS], place [M, 2] in 0..1.
    """
    scaled = (place * PLACE_BINS - 0.5).clamp(0, PLACE_BINS - 1.001)
    low = scaled.floor().long()
    share = (scaled - low).unsqueeze(-1)
    logs = F.log_softmax(logits.view(-1, 2, PLACE_BINS), -1)
    picked = logs.gather(-1, torch.stack([low, low + 1], -1))
    return -(picked * torch.cat([1 - share, share], -1)).sum((-1, -2)).mean() * 0.6


class AuxHeads(nn.Module):
    """Dense label heads on patch features (F wide) and on projected cells (D wide)."""

    def __init__(self, features, width):
        super().__init__()
        # colour or background 9, shape 6, size 2, direction 5, offset 2, place as bins of x and y
        self.sizes = (9, 6, 2, 5, 2, 2 * PLACE_BINS)
        self.patch = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, sum(self.sizes)))
        self.fill = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, 16))
        self.cell = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sum(self.sizes)))

        # What the sentence says, read from the answer's tokens before they look at the picture.
        self.meanings = (len(COLORS) + 1, len(SHAPES) + 1, len(SIZES) + 1, len(DIRECTIONS) + 1,
                         len(POSITIONS) + 1)
        self.meaning = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sum(self.meanings)))

    def meaning_loss(self, x, meaning):
        """x [K, D], meaning int [K, 5]; summed over K."""
        parts = self.meaning(x).float().split(self.meanings, -1)
        return sum(F.cross_entropy(p, meaning[:, i], reduction='sum') for i, p in enumerate(parts))

    def loss(self, name, x, look, offset, place, moving=None):
        """x [N, G, .]; look int [N, G, 4]; moving bool [N]: frames whose direction is visible."""
        head = getattr(self, name)
        color, shape, size, direction, way, where = head(x).float().split(self.sizes, -1)
        owned = look[..., 0] >= 0
        weight = owned.float() * 2 + 0.5
        ce = F.cross_entropy(color.flatten(0, 1), (look[..., 0] + 1).flatten(), reduction='none')
        parts = {'color': (ce * weight.flatten()).mean()}
        own = look[owned]
        parts['shape'] = F.cross_entropy(shape[owned], own[:, 1])
        parts['size'] = F.cross_entropy(size[owned], own[:, 2])
        parts['offset'] = F.smooth_l1_loss(way[owned], offset[owned], beta=0.5)
        parts['place'] = place_loss(where[owned], place[owned])
        if moving is not None:
            seen = owned & moving[:, None]
            if bool(seen.any()):
                parts['motion'] = 2 * F.cross_entropy(direction[seen], look[seen][:, 3])
        return sum(parts.values()), {f'{name}.{k}': float(v.detach()) for k, v in parts.items()}


def position_code(grid, width):
    """Rows that tell the patches of a grid x grid image apart, [grid * grid, width].

    A quarter of the width each: sines and cosines of the column, sines and cosines of the row, with
    half waves from 1 per side up to one per patch, so that every column is linearly readable.
    """
    y, x = (np.mgrid[:grid, :grid].reshape(2, -1, 1) + 0.5) * np.pi / grid
    waves = 1 + np.arange(width // 4) % (grid - 1)
    parts = [np.sin(x * waves), np.cos(x * waves), np.sin(y * waves), np.cos(y * waves)]
    return torch.tensor(np.concatenate(parts, 1), dtype=torch.float32)


def initialise(model):
    c = model.config
    vit = model.model.vision_backbone.image_vit
    for name, p in model.named_parameters():
        if name.endswith(('wo.weight', 'w2.weight', 'attn_out.weight')) or \
                ('blocks' in name and name.endswith('ff_out.weight')):
            depth = c['num_hidden_layers'] if 'transformer.blocks' in name \
                else c['vision_config']['num_hidden_layers']
            nn.init.normal_(p, std=1 / math.sqrt(p.shape[1] * 2 * depth))
        elif p.dim() == 2 and 'embedding' not in name:
            nn.init.normal_(p, std=1 / math.sqrt(p.shape[1]))
        elif name.endswith('bias'):
            nn.init.zeros_(p)
    nn.init.normal_(vit.patch_embedding.weight, std=1 / math.sqrt(192))
    # The ViT's features have no final norm and an rms of about 3.
    vision = model.model.vision_backbone
    for part in (vision.adapter, vision.image_pooling_2d):
        for linear in (part.wq, part.wk, part.wv):
            nn.init.normal_(linear.weight, std=1 / (3 * math.sqrt(linear.weight.shape[1])))
    for linear in (vision.adapter.wo, vision.image_pooling_2d.wo, vision.image_projector.w2):
        nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.weight.shape[1]))
    nn.init.normal_(model.model.transformer.ff_out.weight, std=0.02)
    wte = model.model.transformer.wte
    nn.init.normal_(wte.embedding, std=0.5)
    nn.init.normal_(wte.new_embedding, std=0.5)
    with torch.no_grad():
        vit.positional_embedding[1:] = 0.7 * position_code(
            math.isqrt(vit.positional_embedding.shape[0] - 1), vit.positional_embedding.shape[1])


def component(name):
    if name.startswith('model.vision_backbone.image_vit'):
        return 'vision'
    return 'connector' if name.startswith('model.vision_backbone') else 'language'


def make_optimizer(model, heads):
    groups = {}
    for name, p in list(model.named_parameters()):
        decay = 0.02 if p.dim() == 2 and 'embedding' not in name else 0.0
        groups.setdefault((component(name), decay), []).append(p)
    groups[('connector', 0.001)] = list(heads.parameters())
    return torch.optim.AdamW([{'params': ps, 'weight_decay': d, 'part': part}
                              for (part, d), ps in groups.items()],
                             lr=1e-3, betas=(0.9, 0.95), eps=1e-6)


def set_rates(optimizer, step, args):
    """Linear warm-up and cosine to 3 %, per stage for what starts with the stage."""
    vision, total = args.vision_steps, args.steps
    for g in optimizer.param_groups:
        peak, first, last = args.rates[PARTS.index(g['part'])], vision, total
        if g['part'] == 'vision':
            first = max(vision, args.thaw_step)
        if g['part'] == 'vision' and step < vision:
            peak, first = 1.2e-3, 0
            g['lr'] = peak * min(1, (step + 1) / 80) * (1 - 0.5 * step / max(vision, 1))
            continue
        warm = min(1.0, (step - first + 1) / 150) if step >= first else 0.0
        if g['part'] == 'connector' and step < vision:
            warm, peak = min(1, (step + 1) / 80), 1e-3
        share = min(max(step - first, 0) / max(last - first, 1), 1)
        g['lr'] = peak * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * share)))


def producer(queue, stage, first_seed, stride, per_frame):
    """Puts samples of seeds first_seed, first_seed + stride, ... into the queue, forever."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tokenizer = build_tokenizer()
    config = pointer_config.make_config(tokenizer.token_to_id('<|endoftext|>'))
    seed, parent = first_seed, os.getppid()
    while os.getppid() == parent:
        sample = make_sample(seed, config, tokenizer, per_frame, vision_only=stage == 'vision')
        if sample:
            sample['seed'] = seed
            queue.put(sample)
        seed += stride


class Trainer:
    def __init__(self, args):
        self.args = args
        self.tokenizer = build_tokenizer()
        self.config = pointer_config.make_config(self.tokenizer.token_to_id('<|endoftext|>'))
        self.device = torch.device(args.device)
        torch.manual_seed(args.seed)
        self.model = VideoMolmo(self.config)
        initialise(self.model)
        v = self.config['vision_config']
        self.heads = AuxHeads(v['hidden_size'] * 2, self.config['hidden_size'])
        self.model.to(self.device)
        self.heads.to(self.device)
        self.optimizer = make_optimizer(self.model, self.heads)
        self.step, self.seed, self.elapsed = 0, 0, 0.0
        pre = self.config['preprocessor']
        self.mean = torch.tensor(pre['image_mean'], device=self.device)
        self.std = torch.tensor(pre['image_std'], device=self.device)
        side = pre['base_image_input_size'][0]
        _, tokens, index = preprocess(np.zeros((side, side, 3), np.uint8), self.config)
        self.image_tokens = torch.from_numpy(tokens).to(self.device)
        self.index = torch.from_numpy(index.reshape(-1)).to(self.device)

    # ---- state

    def save(self):
        path = Path(self.args.out) / 'checkpoint.pt'
        state = {'model': self.model.state_dict(), 'heads': self.heads.state_dict(),
                 'optimizer': self.optimizer.state_dict(), 'step': self.step, 'seed': self.seed,
                 'elapsed': self.elapsed}
        torch.save(state, str(path) + '.new')
        os.replace(str(path) + '.new', path)

    def warm_start(self, path):
        """Takes what fits in name and shape from another run's checkpoint or from exported weights."""
        if str(path).endswith('.safetensors'):
            from safetensors.torch import load_file
            state = {'model': load_file(str(path)), 'heads': {}}
        else:
            state = torch.load(path, map_location=self.device)
        for module, name in ((self.model, 'model'), (self.heads, 'heads')):
            own = module.state_dict()
            fits = {k: v for k, v in state[name].items() if k in own and own[k].shape == v.shape}
            module.load_state_dict({**own, **fits})

    def restore(self):
        state = torch.load(Path(self.args.out) / 'checkpoint.pt', map_location=self.device)
        self.model.load_state_dict(state['model'])
        self.heads.load_state_dict(state['heads'])
        self.optimizer.load_state_dict(state['optimizer'])
        self.step, self.seed, self.elapsed = state['step'], state['seed'], state['elapsed']

    # ---- one step

    def normalise(self, crops):
        """uint8 [N, side, side, 3] to patches [N, P, values]."""
        patch = self.config['preprocessor']['image_patch_size']
        n, side = crops.shape[:2]
        x = (torch.as_tensor(crops, device=self.device).float() / 255 - self.mean) / self.std
        x = x.view(n, side // patch, patch, side // patch, patch, 3).transpose(2, 3)
        return x.reshape(n, (side // patch) ** 2, -1)

    def patch_loss(self, features, samples, rows=None):
        loss, info = self.heads.loss('patch', features, *self.labels(samples, 'patch', rows))
        fill = np.concatenate([s['patch_fill'] for s in samples])
        fill = fill.reshape(len(fill), -1, 16)[slice(None) if rows is None else rows]
        fill = torch.from_numpy(fill).to(self.device).float()
        bits = F.binary_cross_entropy_with_logits(self.heads.fill(features).float(), fill,
                                                  reduction='none').mean(-1)
        # Patches on an outline are few and say what the shape is.
        edge = (fill.mean(-1) - 0.5).abs() < 0.49
        fill_loss = (bits * (1 + 4 * edge.float())).mean()
        info['patch.fill'] = float(fill_loss.detach())
        return loss + 3 * fill_loss, info

    def labels(self, samples, name, rows=None):
        out = []
        for key in ('look', 'offset', 'place'):
            x = np.concatenate([s[f'{name}_{key}'] for s in samples])
            x = x.reshape(len(x), -1, x.shape[-1])
            x = torch.from_numpy(x if rows is None else x[rows]).to(self.device)
            out.append(x.long() if key == 'look' else x)
        return out

    def vision_loss(self, samples):
        features = self.model.encode(self.normalise(np.concatenate([s['crops'] for s in samples])))
        return self.patch_loss(features, samples)

    def encode_clips(self, samples, frozen):
        """Features [samples * WINDOW + 1, P, F]; the last row is the black frame's.

        Only the frames asked about get gradients: their neighbours look almost the same.
        """
        black = np.zeros((1,) + samples[0]['crops'].shape[1:], np.uint8)
        crops = self.normalise(np.concatenate([s['crops'] for s in samples] + [black]))
        asked = [i * WINDOW + p for i, s in enumerate(samples) for p in s['asked']]
        others = sorted(set(range(len(crops))) - set(asked))
        with torch.no_grad():
            passive = self.model.encode(crops if frozen else crops[others])
        if frozen:
            return passive, asked, None
        active = self.model.encode(crops[asked])
        order = torch.empty(len(crops), dtype=torch.long)
        order[torch.tensor(asked + others)] = torch.arange(len(crops))
        return torch.cat([active, passive.to(active.dtype)])[order], asked, active

    def full_loss(self, samples):
        features, rows, active = self.encode_clips(samples, self.step < self.args.thaw_step)
        last = len(features) - 1
        loss, info = 0.0, {}
        if active is not None:
            loss, info = self.patch_loss(active, samples, rows)
        previous, texts, moving = [], [], []
        for i, s in enumerate(samples):
            where = {}
            for position in s['asked']:
                where[position] = len(moving)
                moving.append(s['first'] + position > 0)
                before = [position - j for j in range(1, 5)]
                previous.append([i * WINDOW + b if b >= 0 else last for b in before])
            texts += [(where[t[0]],) + t[1:] for t in s['texts']]
        mean = features[torch.tensor(previous)].mean(1)
        cells = self.model.project(features[rows], mean)
        extra, more = self.heads.loss('cell', cells, *self.labels(samples, 'cell', rows),
                                      moving=torch.tensor(moving, device=self.device))
        info.update(more)
        _, cache = self.model.run_prefix(self.model.image_prefix(
            self.image_tokens, self.index, torch.cat([cells, cells], 1)))
        owners = np.concatenate([s['cell_owner'] for s in samples])
        owners = owners.reshape(len(owners), -1)[rows]
        answer, parts = self.answer_loss(texts, cache, owners)
        info.update(parts)
        return 0.3 * (loss + extra) + answer, info

    def guidance_loss(self, rows, trace, owners):
        """Auxiliary losses on the language model: (attention sum, meaning sum, tokens, mass).

        Attention: -log of what two heads of one block pay to the object being answered. At the
        tokens of a point's coordinates they should look at the cells of that object, at the start
        of the answer at those of all objects asked for. Meaning: at the same tokens, one block
        earlier, the sentence's words should be known.
        """
        line, column, wanted, meanings, places = [], [], [], [], []
        for i, (frame, prompt, _, _, ids, watched, meaning) in enumerate(rows):
            meanings.append(meaning)
            places.append((i, len(prompt) - 1))
            marks = [(len(prompt) - 1, ALL if ids else NOTHING)]
            marks += [(len(prompt) + j, o) for j, o in enumerate(watched[:-1])]
            for position, o in marks:
                if o == NOTHING:
                    continue
                mask = np.isin(owners[frame], ids) if o == ALL else owners[frame] == o
                if mask.any():
                    line.append(i)
                    column.append(position)
                    wanted.append(mask)
                    if column[-1] >= len(prompt):
                        places.append((i, position))
        where = torch.tensor(places, device=self.device).T
        known = torch.tensor(meanings, device=self.device)[where[0]]
        before = trace[WATCHED_BLOCK - 1][1][where[0], where[1]]
        meaning = self.heads.meaning_loss(before, known) / len(places) * len(rows)
        if not wanted:
            return 0.0, meaning, 0, 0.0
        cells = self.index + 1
        mask = torch.from_numpy(np.stack(wanted)).to(self.device).float()
        picked = trace[WATCHED_BLOCK][0][line, :2, column][:, :, cells].float()
        mass = (picked * torch.cat([mask, mask], 1)[:, None]).sum(-1)
        return (-torch.log(mass + 1e-3).mean(1).sum(), meaning, len(wanted),
                float(mass.detach().sum() / 2))

    def answer_loss(self, texts, cache, owners, groups=3):
        """Weighted mean cross-entropy of the answer tokens; rows of similar length run together."""
        looked, meant, looks, mass = 0.0, 0.0, 0, 0.0
        texts = sorted(texts, key=lambda t: len(t[1]) + len(t[2]))
        total, weight, right, seen = 0.0, 0.0, 0, 0
        for part in np.array_split(np.arange(len(texts)), groups):
            rows = [texts[i] for i in part]
            length = max(len(t[1]) + len(t[2]) - 1 for t in rows)
            ids = np.zeros((len(rows), length), np.int64)
            target, w = ids.copy(), np.zeros((len(rows), length), np.float32)
            for i, (_, p, a, ws, *_) in enumerate(rows):
                line = (p + a)[:-1]
                ids[i, :len(line)] = line
                target[i, len(p) - 1:len(line)] = a
                w[i, len(p) - 1:len(line)] = ws
            ids, target, w = (torch.from_numpy(t).to(self.device) for t in (ids, target, w))
            frame = torch.tensor([r[0] for r in rows], device=self.device)
            trace = []
            x = self.model.run_suffix(self.model.embed(ids), cache, frame, trace)
            guide = self.guidance_loss(rows, trace, owners)
            looked, meant = looked + guide[0], meant + guide[1]
            looks, mass = looks + guide[2], mass + guide[3]
            keep = w > 0
            logits = self.model.logits(x[keep]).float()
            ce = F.cross_entropy(logits, target[keep], reduction='none')
            total = total + (ce * w[keep]).sum()
            weight = weight + w[keep].sum()
            vital = w[keep] >= 1
            right += int((logits.argmax(-1) == target[keep])[vital].sum())
            seen += int(vital.sum())
        loss = total / weight
        info = {'answer': float(loss.detach()), 'vital': right / max(seen, 1),
                'attention': mass / max(looks, 1)}
        meant = meant / len(texts)
        info['meaning'] = float(meant.detach())
        return loss + self.args.attention * (looked / max(looks, 1) + meant), info

    def train_step(self, samples, stage):
        set_rates(self.optimizer, self.step, self.args)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=not self.args.fp32):
            if stage == 'vision':
                loss, info = self.vision_loss(samples)
            else:
                loss, info = self.full_loss(samples)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        params = [p for g in self.optimizer.param_groups for p in g['params'] if p.grad is not None]
        norm = float(nn.utils.clip_grad_norm_(params, 1.0))
        if math.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        info['norm'] = norm
        return info

    # ---- the run

    def run(self):
        args, start = self.args, time.time()
        stopped = []
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.append(True))  # save, then leave
        log = open(Path(args.out) / 'curve.jsonl', 'a', buffering=1)
        stage, workers, queue = None, [], None
        sums, count, saved, tested = {}, 0, time.time(), time.time()
        began = time.time()
        try:
            while self.step < args.steps and time.time() - start < args.minutes * 60 and not stopped:
                want = 'vision' if self.step < args.vision_steps else 'all'
                if want != stage:
                    for w in workers:
                        w.terminate()
                    stage, queue = want, mp.Queue(maxsize=48)
                    workers = [mp.Process(target=producer, daemon=True, args=(
                        queue, stage, self.seed + i, args.workers, args.per_frame))
                        for i in range(args.workers)]
                    for w in workers:
                        w.start()
                samples = [queue.get() for _ in range(
                    args.vision_clips if stage == 'vision' else args.clips)]
                self.seed = max(self.seed, max(s['seed'] for s in samples) + 1)
                info = self.train_step(samples, stage)
                for k, v in info.items():
                    sums[k] = sums.get(k, 0.0) + v
                count += 1
                if self.step % args.log_every == 0:
                    spent = self.elapsed + time.time() - began
                    row = {'step': self.step, 'stage': stage, 'seconds': round(spent),
                           **{k: round(v / count, 4) for k, v in sums.items()}}
                    print(json.dumps(row), flush=True)
                    log.write(json.dumps(row) + '\n')
                    sums, count = {}, 0
                if time.time() - saved > 180:
                    self.elapsed += time.time() - began
                    began = saved = time.time()
                    self.save()
                if stage == 'all' and time.time() - tested > args.test_every * 60:
                    self.validate(log)
                    tested = time.time()
        finally:
            for w in workers:
                w.terminate()
        self.elapsed += time.time() - began
        self.save()
        if self.step > args.vision_steps and not stopped:
            self.validate(log)

    def validate(self, log):
        t = time.time()
        result = summary(evaluate(self.model, self.tokenizer, count=self.args.test_clips))
        black = summary(evaluate(self.model, self.tokenizer, count=self.args.test_clips, black=True))
        row = {'step': self.step, 'validation': result, 'took': round(time.time() - t),
               'black_motion': black.get('motion')}
        log.write(json.dumps(row) + '\n')
        for kind, r in result.items():
            print(f'   {kind:14s}', json.dumps(r), flush=True)
        print('   black motion  ', json.dumps(black.get('motion')), 'took', row['took'], flush=True)

    def export(self, folder):
        from safetensors.torch import save_file
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach().to('cpu', torch.bfloat16).contiguous()
                 for k, v in self.model.state_dict().items()}
        save_file(state, str(folder / 'model.safetensors'), metadata={'format': 'pt'})
        self.tokenizer.save(str(folder / 'tokenizer.json'))
        for name, value in (('config', self.config), ('tokenizer_config', tokenizer_config()),
                            ('preprocessor_config', pointer_config.preprocessor_config())):
            (folder / f'{name}.json').write_text(json.dumps(value, indent=1) + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', default='runs/pointer')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--init', metavar='CHECKPOINT',
                        help='start from the weights of another run or of an export')
    parser.add_argument('--export', metavar='DIR', help='write the checkpoint of --out and stop')
    parser.add_argument('--minutes', type=float, default=1e9, help='stop after this long')
    parser.add_argument('--vision-steps', type=int, default=1500)
    parser.add_argument('--steps', type=int, default=7500)
    parser.add_argument('--thaw-step', type=int, default=0,
                        help='in stage "all" the ViT stays fixed before this step')
    parser.add_argument('--vision-clips', type=int, default=8)
    parser.add_argument('--clips', type=int, default=4)
    parser.add_argument('--per-frame', type=int, default=8, help='sentences per frame')
    parser.add_argument('--rates', type=float, nargs=3, metavar=tuple(p.upper() for p in PARTS),
                        default=RATES, help='learning rates of stage "all"')
    parser.add_argument('--attention', type=float, default=0.3, help='weight of guidance_loss')
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--fp32', action='store_true')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--log-every', type=int, default=50)
    parser.add_argument('--test-every', type=float, default=15, help='minutes')
    parser.add_argument('--test-clips', type=int, default=14)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    trainer = Trainer(args)
    if args.resume or args.export:
        trainer.restore()
    elif args.init:
        trainer.warm_start(args.init)
    if args.export:
        trainer.export(args.export)
    else:
        trainer.run()


if __name__ == '__main__':
    main()
