"""The cases of the benchmark: networks and pictures in two parts that share neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from examples.fault import Fault
from examples.faults import FAULTS
from examples.materials import Material, picture_file
from examples.scenes import _desk, _light, _photographed, render_scene
from examples.zoo import ZOO, Member, available, load

Part = Literal["tune", "held-out"]
FIRST_PICTURE = {"tune": 1_000, "held-out": 13_000}  # seeds; the training begins at 20,000
PICTURES = 40  # of each part
KINDS = ("scene", "dark", "low contrast", "empty", "one class in the truth")
PAIRS = (  # one of the settings or files, one of the checkpoint, truth, or saving
    ("truth spread over gray", "scale of 255 missing"),
    ("truth of 0 and 255", "argmax over one channel"),
    ("palette too short", "scale of 255 missing"),
    ("palette too short", "divided by 255 twice"),
    ("palette too short", "training mode"),
    ("names of other classes", "divided by 255 twice"),
    ("names of other classes", "a weight is NaN"),
    ("truth interpolated", "palette too short"),
    ("truth interpolated", "names of other classes"),
    ("palette too short", "names of other classes"),
)


BY_NAME = {fault.name: fault for fault in FAULTS}


@dataclass(frozen=True)
class Trial:
    """One case by names, so that another process can make it."""

    member: str
    picture: int  # seed of the scene
    kind: str  # of the picture
    truth: bool  # whether the diagnosis is given a ground truth
    names: tuple[str, ...] = ()  # of its faults; () for a healthy one

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with it."""
        return tuple(BY_NAME[name] for name in self.names)

    @property
    def material(self) -> Material:
        """The files, with the faults in them."""
        made = material(ZOO[self.member], self.picture, self.kind, truth=self.truth)
        for fault in self.faults:
            made = fault.seed(made)
        return made


def members(part: Part) -> tuple[Member, ...]:
    """The networks of a part."""
    return tuple(m for m in available() if m.held_out == (part == "held-out"))


def pictures(part: Part) -> range:
    """The seeds of the scenes of a part."""
    return range(FIRST_PICTURE[part], FIRST_PICTURE[part] + PICTURES)


@cache
def scene(seed: int, kind: str = "scene") -> tuple[np.ndarray, np.ndarray]:
    """UInt8[256 256 3] and UInt8[256 256] of a scene, or of what is odd and healthy about it."""
    pixels, ids = render_scene(seed)
    if kind == "empty":
        rng = np.random.default_rng(seed)
        return _photographed(_desk(rng) * _light(rng)[..., None], rng), np.zeros_like(ids)
    return faded(pixels, kind), ids


def faded(pixels: np.ndarray, kind: str) -> np.ndarray:
    """UInt8[h w 3] as a dark picture, as one of low contrast, or as it is."""
    if kind == "dark":
        return (pixels * 0.5).astype(np.uint8)
    if kind == "low contrast":
        return (pixels * 0.6 + 50).astype(np.uint8)
    return pixels


def material(member: Member, seed: int, kind: str = "scene", *, truth: bool) -> Material:
    """A healthy user's files."""
    pixels, ids = scene(seed, kind)
    ids = (ids > 0).astype(np.uint8) if member.classes == 1 else ids
    if kind == "one class in the truth":  # the rest is not labeled
        kept = int(np.bincount(ids[ids > 0], minlength=2).argmax())
        ids = np.where(ids == kept, ids, np.uint8(255)).astype(np.uint8)
    path = load(member.name)
    return Material(
        picture_file(pixels),
        path.read_bytes(),
        path.name,
        member.settings,
        truth=picture_file(ids) if truth else None,
    )


def healthy(part: Part, limit: int) -> Iterator[Trial]:
    """`limit` pictures of every kind for every network; every other one with its truth."""
    for member in members(part):
        for number, seed in enumerate(pictures(part)[:limit]):
            for kind in KINDS:
                truth = number % 2 == 1 or kind == "one class in the truth"
                yield Trial(member.name, seed, kind, truth)


def faulty(part: Part, limit: int, only: str = "") -> Iterator[Trial]:
    """`limit` cases of every fault, over the networks in turn; every other one with its truth."""
    for number, fault in enumerate(FAULTS):
        able = [member for member in members(part) if fault.needs(member)]
        if only not in fault.name or not able:
            continue
        for turn in range(limit):
            seed = pictures(part)[(number + turn) % PICTURES]
            truth = turn % 2 == 1 or fault.on_truth
            yield Trial(able[turn % len(able)].name, seed, "scene", truth, (fault.name,))


def pairs(part: Part, limit: int) -> Iterator[Trial]:
    """Two faults at once, `limit` times each."""
    for number, names in enumerate(PAIRS):
        both = [BY_NAME[name] for name in names]
        able = [m for m in members(part) if all(fault.needs(m) for fault in both)]
        for turn in range(limit if able else 0):
            seed = pictures(part)[(number + 7 * turn) % PICTURES]
            truth = any(fault.on_truth for fault in both)
            yield Trial(able[turn % len(able)].name, seed, "scene", truth, names)


def disjoint() -> bool:
    """Whether the two parts share no network and no picture."""
    shared = set(pictures("tune")) & set(pictures("held-out"))
    names = [{member.name for member in members(part)} for part in ("tune", "held-out")]
    return not shared and not names[0] & names[1]
