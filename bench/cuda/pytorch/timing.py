"""How PyTorch's figures are taken and written."""

import json
import statistics
import sys

import torch

DTYPE = torch.bfloat16


class Timing:
    """Measures on a device; on the CPU everything runs once and nothing is measured."""

    def __init__(self, device, rounds):
        self.device = device
        self.measured = device.type == "cuda"
        self.rounds = rounds if self.measured else 1
        self.failed = False

    def row(self, name, work, per=1):
        """Writes the quartiles of work() in milliseconds, divided by `per`; two calls go first."""
        for _ in range(2 if self.measured else 0):
            work()
        self.write(name, [self.once(work) / per for _ in range(self.rounds)])

    def once(self, work):
        if not self.measured:
            work()
            return 0.0
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    def write(self, name, times):
        low, median, high = times * 3 if len(times) == 1 else statistics.quantiles(times, n=4)
        row = {
            "kind": "time",
            "by": "pytorch",
            "name": name,
            "dtype": "bf16",
            "median": median,
            "low": low,
            "high": high,
            "rounds": len(times),
        }
        print(json.dumps(row), flush=True)

    def attempt(self, name, part):
        """A part's failure must not take the others' figures."""
        try:
            part()
        except Exception as error:
            self.failed = True
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
