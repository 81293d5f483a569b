"""Weights to a network that can run: a Checkpoint in, a Network out.

`recognize.py` is the one to open first: the table of families, each a module with `matches` and
`build`. `network.py` is what comes out; `shapes.py` and `finish.py` are what families share.
"""

from core.architectures.families.pretrained import pretrained_names, read_pretrained
from core.architectures.network import Account, Candidate, Choice, Network
from core.architectures.recognize import build_network, candidates

__all__ = [
    "Account",
    "Candidate",
    "Choice",
    "Network",
    "build_network",
    "candidates",
    "pretrained_names",
    "read_pretrained",
]
