"""A user's files around one of these networks, saved in one way; faults are seeded into them."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from benchmarks.cases import faded
from benchmarks.foreign.networks import MEMBERS, Foreign
from benchmarks.foreign.saving import saved
from benchmarks.foreign.scenes import render
from examples.fault import Fault
from examples.materials import Material, picture_file


@dataclass(frozen=True)
class Files(Material):
    """Files that know their network: its weights are edited whatever way they are saved in."""

    network: str = ""  # a key of MEMBERS

    @property
    def member(self) -> Foreign:
        """The network."""
        return MEMBERS[self.network]

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """As they were trained."""
        return self.member.weights()

    def written(self, way: str) -> Files:
        """With the state_dict that is the checkpoint now, saved in this way."""
        state = torch.load(io.BytesIO(self.checkpoint), weights_only=True)
        checkpoint, name = saved(self.member, state, way)
        return replace(self, checkpoint=checkpoint, name=name)


def files(member: Foreign, seed: int, way: str, kind: str = "scene", *, truth: bool) -> Files:
    """Healthy files."""
    pixels, ids = render(member.world, seed)
    ids = (ids > 0).astype(np.uint8) if member.classes == 1 else ids
    checkpoint, name = _healthy(member.name, way)
    return Files(
        picture_file(faded(pixels, kind)),
        checkpoint,
        name,
        member.settings,
        truth=picture_file(ids) if truth else None,
        network=member.name,
    )


@lru_cache(maxsize=4)
def _healthy(name: str, way: str) -> tuple[bytes, str]:
    return saved(MEMBERS[name], MEMBERS[name].weights(), way)


def seeded(healthy: Files, fault: Fault, way: str) -> Material:
    """With a fault; a state_dict that it edited is saved in the same way as before."""
    made = fault.seed(healthy)
    edited = made.checkpoint is not healthy.checkpoint and made.name == healthy.name
    if not edited or not isinstance(made, Files):
        return made
    state = torch.load(io.BytesIO(made.checkpoint), weights_only=True)
    if state.keys() != healthy.weights.keys():
        return replace(made, name=f"{healthy.network}.pth")
    return made.written(way)
