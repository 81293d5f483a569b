"""The gallery's cases: each fault seeded into the example, or into a network that can have it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

import examples
from core.colors import colorize, palette_colors
from core.diagnosis.causes import CAUSES, Stage
from core.image import decode_image
from core.inspection import Inspection
from core.presets import PRESETS
from examples.fault import Fault
from examples.faults import FAULTS
from examples.materials import Material, picture_file
from examples.zoo import ZOO, available, load
from examples.zoo.networks import Member

SCENE, TOLD_AS_FOREIGN = examples.SCENES[0], examples.SCENES[2]
EXAMPLE = Member(
    "example", "narrow deeplab", PRESETS[examples.TRAINED_WITH].changes, examples.TRAINED_WITH
)
KINDS: dict[str, tuple[Stage, ...]] = {  # what faults have in common, by their causes' stages
    "The picture": ("input",),
    "Normalization and channel order": ("tensor",),
    "The network": ("checkpoint", "logits"),
    "From logits to labels": ("labels",),
    "Writing and showing the mask": ("mask", "saving"),
    "The ground truth": ("truth",),
}


def cases() -> dict[str, tuple[Fault, ...]]:
    """Every fault that some network here can have, by what the faults have in common."""
    able = [fault for fault in FAULTS if _members(fault)]
    return {title: tuple(f for f in able if _stage(f) in stages) for title, stages in KINDS.items()}


def _stage(fault: Fault) -> Stage:
    """Where it lies, by the first of its causes."""
    return CAUSES[fault.causes[0]].stage


@cache
def _members(fault: Fault) -> tuple[Member, ...]:
    return tuple(member for member in (EXAMPLE, *available()) if fault.needs(member))


def material_of(fault: Fault) -> Material:
    """The files and settings of the user who has this fault."""
    if fault.causes == ("W7",):  # on most pictures it cannot be decided (docs/benchmark.md)
        return fault.seed(healthy(ZOO["unet_unit"], TOLD_AS_FOREIGN))
    return fault.seed(healthy(_members(fault)[0]))


def healthy(member: Member = EXAMPLE, scene: Path = SCENE) -> Material:
    """A scene of the example with nothing wrong."""
    path = examples.CHECKPOINT if member is EXAMPLE else load(member.name)
    truth = _truth(scene, member.classes)
    return Material(scene.read_bytes(), path.read_bytes(), path.name, member.settings, truth)


def _truth(scene: Path, classes: int) -> bytes:
    content = examples.mask_of(scene).read_bytes()
    if classes > 1:
        return content
    ids = np.array(PillowImage.open(io.BytesIO(content)))
    return picture_file((ids > 0).astype(np.uint8))


def appearance(fault: Fault, seen: Inspection, material: Material) -> tuple[str, np.ndarray]:
    """What a person with this fault looks at: its name, and UInt8[h w 3]."""
    if material.saved is not None:
        return "what the script wrote", _as_shown(material.saved)
    if fault.on_truth and material.truth is not None:
        return "the ground truth", _as_shown(material.truth)
    colors = palette_colors(seen.settings.display, seen.labels.num_classes)
    return "the mask", colorize(seen.labels.ids, colors)


def _as_shown(content: bytes) -> np.ndarray:
    """As any viewer shows a file: of 16 bits the upper 8."""
    image = decode_image(content)
    if image.facts.bits <= 8:
        return image.pixels
    shown: np.ndarray = (image.samples >> (image.facts.bits - 8)).astype(np.uint8)
    return shown
