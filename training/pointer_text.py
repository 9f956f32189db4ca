"""Tokenizer, prompts and answers of the embedded pointer.

The tokenizer is a small byte-level BPE in the form of Qwen2's: same split pattern, single digits,
same special tokens in the same order, so any text can be encoded.
"""

import json

from shapes import COLORS, POSITIONS, SHAPES, SIZES, plural

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
IMAGE_TOKENS = ('<im_start>', '<im_end>', '<im_patch>', '<im_col>', '<|image|>')
EMBEDDING_SIZE = 512

# Ways to ask; {q} is the sentence. The plain one comes first and is the commonest in training.
TEMPLATES = ('{q}', 'Point to {q}', 'Point to {q}.', 'point to {q}', 'Find {q}', 'Show me {q}',
             'Where is {q}?', 'Point at {q}.', 'Segment {q}', '{q}.')
# Things that no drawn clip shows.
OTHER_THINGS = ('dog', 'cat', 'person', 'man', 'woman', 'child', 'car', 'horse', 'bird', 'bed',
                'ball', 'chair', 'tree', 'house', 'hand', 'girl', 'boy', 'bike', 'ship', 'cup')
NONE = ' There are none.'


def vocabulary_text():
    """Every word that should become one token, in the spellings that occur."""
    words = list(COLORS) + list(SHAPES) + [plural(s) for s in SHAPES] + ['shape', 'shapes']
    words += list(SIZES) + list(POSITIONS) + [w for p in POSITIONS.values() for w in p.split()]
    words += 'moving left right up down standing still the all every a an not is that which'.split()
    words += ('Point to at Find Show me Where Segment The All User Assistant There are none point '
              'points alt one two three in of and').split()
    lines = []
    for word in dict.fromkeys(words):
        lines += [word, ' ' + word]
    lines += [' <', '</', '="', '">', '>', '".', ' x', ' y', ':', '?', '.', ' " <"']
    return lines


def build_tokenizer():
    """A tokenizers.Tokenizer; ids: bytes and merges, fillers up to EMBEDDING_SIZE, image tokens."""
    from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                            pre_tokenizers, trainers)
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), 'isolated'),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=EMBEDDING_SIZE - 4, min_frequency=1, special_tokens=[],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tok.train_from_iterator(vocabulary_text(), trainer)
    names = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
    fill = EMBEDDING_SIZE - tok.get_vocab_size() - len(names)
    names += [f'|<EXTRA_TOKENS_{i}>|' for i in range(fill)] + list(IMAGE_TOKENS)
    tok.add_special_tokens([AddedToken(n, normalized=False, special=True) for n in names])
    return tok


CHAT_TEMPLATE = (
    "{% for message in messages %}{{ (' ' if not loop.first else '') + message['role'] | capitalize"
    " + ': ' + message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %} Assistant:{% endif %}")


def tokenizer_config():
    return {'add_prefix_space': False, 'bos_token': None, 'eos_token': '<|endoftext|>',
            'pad_token': '<|endoftext|>', 'unk_token': None, 'model_max_length': 2048,
            'tokenizer_class': 'Qwen2Tokenizer', 'clean_up_tokenization_spaces': False,
            'additional_special_tokens': list(IMAGE_TOKENS), 'chat_template': CHAT_TEMPLATE}


def prompt_text(sentence):
    return f' User: {sentence.rstrip()} Assistant:'


def label_of(sentence):
    """The noun phrase used as alt text and label: lower case, no article, no closing mark."""
    text = sentence.strip().rstrip('.?').lower()
    for article in ('the ', 'all ', 'every ', 'a '):
        if text.startswith(article):
            text = text[len(article):]
    return text


def answer_text(points, label):
    """points: list of (x, y) in percent. Sorted by x, then y, after rounding to one decimal."""
    if not points:
        return NONE
    rounded = sorted((round(float(x), 1), round(float(y), 1)) for x, y in points)
    if len(rounded) == 1:
        x, y = rounded[0]
        return f' <point x="{x:.1f}" y="{y:.1f}" alt="{label}">{label}</point>'
    pairs = ' '.join(f'x{i}="{x:.1f}" y{i}="{y:.1f}"' for i, (x, y) in enumerate(rounded, 1))
    return f' <points {pairs} alt="{label}">{label}</points>'


def parse_points(text):
    """(x, y) pairs in percent, by the reference parser's rules."""
    import re
    if '<points' in text:
        found = re.findall(r'x\d+="([\d.]+)" y\d+="([\d.]+)"', text)
    else:
        found = re.findall(r'x="([\d.]+)" y="([\d.]+)"', text)[:1]
    points = []
    for x, y in found:
        try:
            points.append((float(x), float(y)))
        except ValueError:
            pass
    return points


def vary(rng, query):
    """A random wording of a query's sentence, with the same meaning; half of the time unchanged."""
    text = query.text
    roll = rng.random()
    if roll < 0.08 and text.startswith('all '):
        text = 'the ' + text[4:]
    elif roll < 0.12 and text.startswith('all '):
        text = text[4:]
    elif roll < 0.06 and text.startswith('the '):
        text = text[4:]
    elif roll < 0.10 and text.startswith('the '):
        text = 'a ' + text[4:]
    label = label_of(text)
    if rng.random() < 0.45:
        text = TEMPLATES[int(rng.integers(len(TEMPLATES)))].format(q=text)
    if rng.random() < 0.05:
        text = text[0].upper() + text[1:]
    return text, label


def unrelated(rng):
    """A sentence about something that is never drawn, for which the answer is NONE."""
    thing = str(rng.choice(OTHER_THINGS))
    if rng.random() < 0.3:
        thing = f'{rng.choice(list(COLORS))} {thing}'
    return str(rng.choice(('the ', 'all ', 'a '))) + thing


if __name__ == '__main__':
    t = build_tokenizer()
    print(t.get_vocab_size(), json.dumps(t.encode(prompt_text('all blue stars moving left')).tokens))
