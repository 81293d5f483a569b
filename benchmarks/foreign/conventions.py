"""How a network was trained, asked of one picture; in a module that other processes can import."""

from __future__ import annotations

from benchmarks.foreign.files import files
from benchmarks.foreign.networks import MEMBERS
from benchmarks.foreign.saving import ways_of
from benchmarks.recovery import Recovery, recovered


def convention_of(task: tuple[str, int]) -> Recovery:
    """The convention of one network from one picture.

    Args:
        task: the network's name, and the seed of the picture.
    """
    name, seed = task
    member = MEMBERS[name]
    ways = ways_of(member)
    return recovered(member, [files(member, seed, ways[seed % len(ways)], truth=False)])
