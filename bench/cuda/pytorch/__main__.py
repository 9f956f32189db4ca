"""PyTorch's figures beside those of `npm run bench -- cuda`, as JSON lines.

    python3 bench/cuda/pytorch pointer|sam2 [--rounds N] [--objects 1,16] [--models tiny,large]

The blocks are those of transformers (CLIP, Qwen2, SAM 2) with random weights at real widths, in
bf16 with sdpa, under inference mode. Times are between CUDA events after a warm-up. Without a device
the script says so and ends with 3; --check runs everything once at small sizes on the CPU.
"""

import argparse
import sys

import torch

import pointer
import sam2
from timing import Timing

PARTS = {"pointer": pointer.measure, "sam2": sam2.measure}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", default="1,4,16,64", help="sam2: numbers of objects")
    parser.add_argument("--models", default="tiny,large", help="sam2: sizes")
    parser.add_argument("--check", action="store_true", help="small sizes on the CPU, once")
    options = parser.parse_args()
    if not options.check and not torch.cuda.is_available():
        print("No CUDA device: torch finds none.", file=sys.stderr)
        return 3
    options.objects = [int(count) for count in options.objects.split(",")]
    options.models = options.models.split(",")
    timing = Timing(torch.device("cpu" if options.check else "cuda"), options.rounds)
    with torch.inference_mode():
        PARTS[options.part](timing, options)
    return 1 if timing.failed else 0


if __name__ == "__main__":
    sys.exit(main())
