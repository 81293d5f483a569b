"""The five ways in which a network of every family is saved, read and built again."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import nn

from core.architectures import Network, build_network
from core.checkpoint import read_checkpoint
from tests.support.savings import SAVINGS

FIVE = ("state dict", "training dict", "DataParallel", "whole module", "Lightning")


def rebuilt(
    model: nn.Module, folder: Path, chosen: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Network]]:
    """The network as it comes out of each saving, by its name; every tensor has its place.

    Args:
        model: whose class can be pickled.
        folder: for the file, which is removed again.
        chosen: what keys cannot tell.
    """
    state = model.state_dict()
    for way in FIVE:
        path, saved = folder / "file", copy.deepcopy(model)
        for module in saved.modules():
            module._forward_hooks.clear()  # some of transformers 5 cannot be pickled with theirs
        SAVINGS[way](saved, path)
        checkpoint = read_checkpoint(path, name="file", digest=way)
        path.unlink()
        network = build_network(checkpoint, chosen)
        # A whole module also keeps constants that are no part of its state_dict.
        constants = set(checkpoint.tensors) - {k.removeprefix(checkpoint.prefix) for k in state}
        assert set(network.account.unexpected) <= constants and not network.account.missing, way
        assert way == "whole module" or not network.account.unexpected, way
        matched = len(network.account.matched) + len(network.account.unexpected)
        assert matched == len(checkpoint.tensors), way
        yield way, network


def apart(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference, relative to the largest number."""
    return float((found - wanted).abs().max() / wanted.abs().max())
