"""What the benchmarks have in common that ask many cases in several processes."""

from __future__ import annotations

import sys


def one_thread() -> None:
    """Begin a process that shares the cores with others: one thread of torch each."""
    import torch

    torch.set_num_threads(1)


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
