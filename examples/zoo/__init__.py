"""The zoo: small networks that were trained on rendered desks under many conventions."""

from __future__ import annotations

from pathlib import Path

from examples.zoo.networks import ZOO, Member

__all__ = ["FOLDER", "ZOO", "Member", "available", "load"]

FOLDER = Path(__file__).resolve().parent
SCORES = FOLDER / "networks.json"  # written by examples.zoo.train


def load(name: str) -> Path:
    """Where the checkpoint of a member is."""
    member = ZOO[name]
    return FOLDER / f"{member.name}{'.pt2' if member.exported else '.pth'}"


def available() -> tuple[Member, ...]:
    """The members whose file is there, in the order of the table."""
    return tuple(member for name, member in ZOO.items() if load(name).exists())
